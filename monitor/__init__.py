"""The monitor, a Django project: `records/` the models, `api/` REST, `recorder/` broker to
database, `control/` commands to the agents. It imports nothing of `testbed` but `protocol`,
`configuration` and `errors`, and nothing of `agents`.
"""
