"""What may be claimed from a few seeds and a test set of finite size: intervals and corrections."""
