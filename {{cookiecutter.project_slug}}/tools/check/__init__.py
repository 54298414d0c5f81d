"""What in a repository is known to break a training job, found without building anything."""
