"""115's hosts: accounts, logins, uploads, the drive."""
