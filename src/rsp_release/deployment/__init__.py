"""What is deployed: charts, their versions, and the pull request."""
