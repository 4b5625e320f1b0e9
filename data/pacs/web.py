"""Objects to a DICOMweb service, by STOW-RS."""

import logging

import pydicom
import requests
from dicomweb_client import DICOMwebClient

from isnet_cxr.data.pacs.address import Service
from isnet_cxr.data.pacs.files import Stored
from isnet_cxr.data.pacs.target import UnreachableError

CONNECT_S, ANSWER_S = 10, 60
SECRETS = (401, 403)
NO_SERVICE = (404, 405)
NOT_UNDERSTOOD = "what answers there does not say which objects it took"

# They log what they send, which names patients.
for _name in ("dicomweb_client", "urllib3"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)


class ServiceTarget:
    """A service. A name and password for it come from ``~/.netrc``, as ``requests`` reads it."""

    def __init__(self, service: Service) -> None:
        """Get ready; nothing is sent yet."""
        self._client = DICOMwebClient(service.url, timeout=(CONNECT_S, ANSWER_S))
        self._client.set_http_retry_params(retry=False)

    def send(self, one: Stored) -> str:
        """Send an object; return why the service did not take it, or nothing.

        Raises:
            UnreachableError: If nobody answers, or what answers is no such service.
        """
        dataset = pydicom.dcmread(one.path)
        try:
            answer = self._client.store_instances([dataset])
        except requests.HTTPError as error:
            return _refusal(error)
        except (requests.JSONDecodeError, KeyError, TypeError, AttributeError):
            raise UnreachableError(NOT_UNDERSTOOD) from None
        except requests.Timeout:
            raise UnreachableError("no answer") from None
        except requests.RequestException as error:
            raise UnreachableError(f"cannot be reached ({type(error).__name__})") from None
        if failed := answer.get("FailedSOPSequence"):
            return f"refused, reason {failed[0].get('FailureReason', 'unknown')}"
        taken = answer.get("ReferencedSOPSequence") or ()
        if one.sop_uid not in [item.get("ReferencedSOPInstanceUID") for item in taken]:
            raise UnreachableError(NOT_UNDERSTOOD)
        return ""


def _refusal(error: requests.HTTPError) -> str:
    code = 0 if error.response is None else error.response.status_code
    if code in SECRETS:
        raise UnreachableError(f"wants a name and password (HTTP {code}): see ~/.netrc") from None
    if code in NO_SERVICE:
        raise UnreachableError(f"no DICOMweb service answers there (HTTP {code})") from None
    return f"refused with HTTP {code}"
