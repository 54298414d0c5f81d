"""What runs a training job on this machine as SageMaker would."""
