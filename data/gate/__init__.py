"""Which images get a diagnosis: frontal chest radiographs, the right way up."""
