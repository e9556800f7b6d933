"""Change system "jira": change requests live in the customer's own Jira Service Management, Cloud or Data Center.

People approve there, and the gate obeys. Here are the conversations with that Jira: it is tested and found out about,
changes are found, raised, read, commented on and moved, and webhooks registered. None of them keeps anything.
"""
