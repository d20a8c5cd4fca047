"""The states of workflow runs, and how long they take."""
