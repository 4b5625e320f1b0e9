"""Every file under the inputs is found, and is an image to read, failed, or ignored with a reason.

Ignored is what is no image and not meant to be one: text, PDF and Office documents, any other
content under a name that is no image's, empty files under such names, hidden and system files and
folders, DICOMDIR, DICOM objects of classes without pixel data, pipes and sockets, links to folders
that are searched anyway, and the folder that results are written to.

Failed is what should have been an image, or may hide one: whatever has an image's name and does not
read (empty files too), links that lead nowhere, files and folders that cannot be opened, archives
other than zip, archives in archives, and members of zip archives that are encrypted, damaged, too
large or unsafely named. A file that is named by itself is meant to be read, so that it fails where
it would be ignored.
"""

from isnet_cxr.data.finding.finder import find_files
from isnet_cxr.data.finding.found import Findings, Found
from isnet_cxr.data.finding.reading import lent, read_found

__all__ = ["Findings", "Found", "find_files", "lent", "read_found"]
