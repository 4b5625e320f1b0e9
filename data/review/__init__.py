"""What a person should look at before an image is believed."""
