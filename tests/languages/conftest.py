"""Nothing here is run where it lies: test_models.py copies it into generated repositories."""

collect_ignore_glob = ["*"]
