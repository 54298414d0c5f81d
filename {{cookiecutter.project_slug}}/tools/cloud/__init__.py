"""What asks AWS: deploy, push, submit, follow."""
