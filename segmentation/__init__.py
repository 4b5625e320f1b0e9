"""Stage 1: a MONAI U-Net that segments the lungs, and what judges its masks."""
