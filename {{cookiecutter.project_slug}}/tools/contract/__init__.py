"""Tests of the built image, one a clause of what SageMaker asks of a container."""
