"""The relevance drawn over the image."""

from collections.abc import Mapping
from pathlib import Path

from isnet_cxr.classification.explain import colour_limit, overlay
from isnet_cxr.data.learning.preprocess import Preprocessing, prepare_image, restore_map
from isnet_cxr.data.writers import write_png
from isnet_cxr.pipeline.prediction.outputs.output import Output, Value
from isnet_cxr.pipeline.prediction.predictor import Prediction

HEATMAP_PX = 512


class Heatmap(Output):
    """Column full_colour, and ``heatmaps/<image_id>.png``.

    Relevance is drawn on the scale of the network's input; full_colour is what is drawn as such.
    """

    def columns(self, prediction: Prediction) -> Mapping[str, Value]:
        """Return the |relevance| of full colour."""
        return {"full_colour": colour_limit(prediction.heatmap)}

    def write(self, prediction: Prediction, out: Path) -> None:
        """Draw the heatmap over the image; an image that came prepared is drawn as it came."""
        if prediction.pixels is None:
            image, relevance = prediction.image / 255, prediction.heatmap
        else:
            large = Preprocessing(size_px=HEATMAP_PX, exposure="none")
            image = prepare_image(prediction.pixels, large)[0]
            relevance = restore_map(
                prediction.heatmap, height=HEATMAP_PX, width=HEATMAP_PX, nearest=False
            )
        drawn = overlay(image, relevance, limit=colour_limit(prediction.heatmap))
        write_png(drawn, out / "heatmaps" / f"{prediction.image_id}.png")
