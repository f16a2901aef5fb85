"""Records of a testbed that has been used for long, straight into the tables.

Next to the million messages of `benchmarks.million`, which these fit to: their executions and runs
have the same numbers.
"""

from __future__ import annotations

import time

from benchmarks.database import execute
from benchmarks.million import FILL as MESSAGES
from testbed.integration import TestbedStack

RUNS = 200
STFS = 1_000
SLICES = 10_000
LOG_LINES = 100_000
AGENTS = 500

TABLES = {
    "messages": MESSAGES,
    "log lines": f"""
INSERT INTO swf_applog (app_name, instance_name, timestamp, level, levelname, message, module,
    funcname, lineno, process, thread, namespace, execution_id, run_id)
SELECT 'program-' || n % 5, 'agent-' || n % 20, now() - (({LOG_LINES} - n) * interval '1 second'),
    (ARRAY[10, 20, 20, 30, 40])[1 + n % 5],
    (ARRAY['DEBUG', 'INFO', 'INFO', 'WARNING', 'ERROR'])[1 + n % 5],
    'STF swf.' || n || '.stf was read in ' || n % 97 || ' ms: ' || repeat('0123456789abcdef', 4),
    'reading', 'read', 42, 1, 1, 'bench', 'bench-' || n / 500, (100010 + n / 500)::text
FROM generate_series(1, {LOG_LINES}) AS n""",
    "definitions": """
INSERT INTO swf_workflow_definitions (workflow_name, version, workflow_type, definition,
    parameter_values, created_by, created_at, updated_at)
SELECT 'workflow-' || n % 5, n::text, 'simulation', repeat('def run(): pass' || chr(10), 50),
    '{}', 'bench', now(), now()
FROM generate_series(1, 20) AS n""",
    "executions": f"""
INSERT INTO swf_workflow_executions (execution_id, workflow_definition_id, namespace,
    parameter_values, performance_metrics, status, reason, start_time, end_time, executed_by,
    run_number, runner_instance)
SELECT 'bench-' || n, (SELECT max(id) - n % 20 FROM swf_workflow_definitions), 'bench',
    '{{}}', '{{"stf_generated": 5}}', (ARRAY['completed', 'failed', 'terminated'])[1 + n % 3],
    'completed', now() - (({RUNS} - n) * interval '500 seconds'),
    now() - (({RUNS} - n) * interval '500 seconds') + interval '400 seconds',
    'person-' || n % 7, 100010 + n, 'agent-1'
FROM generate_series(0, {RUNS} - 1) AS n""",
    "runs": f"""
INSERT INTO swf_runs (run_number, start_time, end_time, run_conditions)
SELECT 100010 + n, now() - (({RUNS} - n) * interval '500 seconds'),
    now() - (({RUNS} - n) * interval '500 seconds') + interval '400 seconds', '{{}}'
FROM generate_series(0, {RUNS} - 1) AS n""",
    "states of runs": f"""
INSERT INTO swf_run_state (run_number, phase, state, substate, target_worker_count,
    active_worker_count, stf_samples_received, slices_created, slices_queued, slices_processing,
    slices_completed, slices_failed, state_changed_at, updated_at)
SELECT 100010 + n, 'run_end', 'beam', 'not_ready', 3, 0, 0, 0, 0, 0, 0, 0, now(), now()
FROM generate_series(0, {RUNS} - 1) AS n""",
    "STF files": f"""
INSERT INTO swf_stf_files (file_id, run_id, stf_filename, machine_state, file_size_bytes, checksum,
    tf_count, created_at, status)
SELECT gen_random_uuid(), (SELECT max(run_id) - n % {RUNS} FROM swf_runs),
    'swf.bench.' || lpad(n::text, 6, '0') || '.stf', 'physics', 1000000 + n,
    repeat('0123456789abcdef', 4), 1000, now() - (({STFS} - n) * interval '100 seconds'),
    (ARRAY['registered', 'processed', 'failed'])[1 + n % 3]
FROM generate_series(1, {STFS}) AS n""",
    "TF samples": """
INSERT INTO swf_fastmon_files (tf_file_id, stf_file_id, tf_filename, tf_first, tf_last, tf_count,
    file_size_bytes, status, created_at, updated_at)
SELECT gen_random_uuid(), file_id, replace(stf_filename, '.stf', '_' || n || '.tf'),
    n * 100, n * 100 + 49, 50, 100000, 'registered', created_at, created_at
FROM swf_stf_files, generate_series(0, 1) AS n WHERE stf_filename LIKE 'swf.bench.%'""",
    "slices": f"""
INSERT INTO swf_tf_slices (slice_id, fastmon_file_id, tf_first, tf_last, tf_count, tf_filename,
    stf_filename, run_number, status, retries, created_at, updated_at, assigned_worker, assigned_at,
    completed_at)
SELECT n, f.tf_file_id, f.tf_first + n * 10, f.tf_first + n * 10 + 9, 10, f.tf_filename,
    s.stf_filename, r.run_number, (ARRAY['completed', 'completed', 'failed', 'queued'])[1 + n % 4],
    n % 3, f.created_at, f.created_at, 'worker-' || n, f.created_at, f.created_at
FROM swf_fastmon_files f JOIN swf_stf_files s ON s.file_id = f.stf_file_id
    JOIN swf_runs r ON r.run_id = s.run_id,
    generate_series(0, {SLICES // (2 * STFS)} - 1) AS n WHERE f.tf_filename LIKE 'swf.bench.%'""",
    "workers": f"""
INSERT INTO swf_workers (worker_id, run_number, panda_job, location, status, slices_completed,
    started_at, ended_at)
SELECT 'worker-' || n, 100010 + n % {RUNS}, '', 'container-' || n % 9, 'ended', n,
    now() - n * interval '100 seconds', now()
FROM generate_series(0, 999) AS n""",
    "state events": f"""
INSERT INTO swf_system_state_events (timestamp, run_number, event_type, state, substate, event_data)
SELECT now() - ((20000 - n) * interval '5 seconds'), 100010 + n % {RUNS},
    (ARRAY['run_imminent', 'start_run', 'end_run', 'worker_start'])[1 + n % 4],
    (ARRAY['beam', 'run'])[1 + n % 2], (ARRAY['not_ready', 'physics'])[1 + n % 2], '{{"a": 1}}'
FROM generate_series(1, 20000) AS n""",
    "agents": f"""
INSERT INTO swf_systemagent (instance_name, agent_type, program, namespace, description, status,
    operational_state, last_heartbeat, heartbeat_interval, workflow_enabled, current_stf_count,
    total_stf_processed, created_at, updated_at)
SELECT 'agent-' || n, 'data', 'program-' || n % 5, 'bench', '', 'EXITED', 'EXITED',
    now() - n * interval '1 hour', 5, true, 0, n, now(), now()
FROM generate_series(0, {AGENTS} - 1) AS n""",
    "namespaces": """
INSERT INTO swf_namespace (name, owner, description, created_at, updated_at)
SELECT CASE n WHEN 0 THEN 'bench' ELSE 'bench-' || n END, 'bench', '', now(), now()
FROM generate_series(0, 19) AS n""",
    "subscribers": """
INSERT INTO swf_subscribers (subscriber_name, is_active, created_at, updated_at, delivery_type,
    client_location, message_filters, messages_received, messages_sent, messages_dropped)
SELECT 'subscriber-' || n, n % 2 = 0, now(), now(), 'activemq', '', '{}', 0, 0, 0
FROM generate_series(1, 200) AS n""",
    "dead letters": """
INSERT INTO swf_dead_letters (destination, cause, broker_message_id, message_type, execution_id,
    headers, body, received_at, resolution)
SELECT 'Consumer.bench-program-' || n % 5 || '.epictopic', 'it was refused five times', n::text,
    'stf_gen', 'bench-' || n % 200, '{}', '{"msg_type": "stf_gen"}', now(),
    (ARRAY['open', 'retried', 'discarded'])[1 + n % 3]
FROM generate_series(1, 2000) AS n""",
}
"""What is filled with what, in this order."""


def fill(stack: TestbedStack) -> None:
    """Fill every table; the database's own work after it is done."""
    started = time.perf_counter()
    for statement in (*TABLES.values(), "VACUUM ANALYZE", "CHECKPOINT"):
        execute(stack, statement)
    print(f"the records of {RUNS} runs in {time.perf_counter() - started:.0f} s")
