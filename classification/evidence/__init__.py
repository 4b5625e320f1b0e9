"""What a reviewer asks of a test: tests of differences, operating points, calibration, abstention.

One idea per file. Patients are the unit everywhere; an image whose patient is unknown counts as a
patient of its own.
"""
