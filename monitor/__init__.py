"""The monitor, a Django project: it records what the testbed does, shows it, and sends commands.

`records/` has the models and queries; above it come `control/` (commands to runner, supervisor and
broker) and `access/` (who may do what), then `recorder/` (broker to database) and `live/` (what the
event loop answers), then `api/` (REST) and `mcp/`, then `pages/`, and `cli/` above all. A room
imports what lies below it (decision 0031).
"""
