-- name: AllInstances :many
select * from instances order by id;

-- name: AllWorkers :many
select * from workers;

-- name: RaiseGeneration :one
update instances set generation = generation + 1, node_id = $2 where id = $1 returning generation;

-- name: SetDesired :execrows
update instances set desired = $2 where id = $1;

-- The instance is locked before its worker's row, as whoever deletes it does.
-- The generation is checked against both rows: instances knows of starts whose
-- worker never got as far as a row of its own.
-- name: RecordWorker :exec
insert into workers (instance_id, generation, node_id, pid, start_ticks, boot_id, socket, build, protocol, started_at, attached_at)
select i.id, @generation, @node_id, @pid, @start_ticks, @boot_id, @socket, @build, @protocol, @started_at, sqlc.narg(attached_at)::timestamptz
from instances i where i.id = @instance_id and i.generation <= @generation
for key share of i
on conflict (instance_id) do update set
    generation = excluded.generation,
    node_id = excluded.node_id,
    pid = excluded.pid,
    start_ticks = excluded.start_ticks,
    boot_id = excluded.boot_id,
    socket = excluded.socket,
    build = excluded.build,
    protocol = excluded.protocol,
    started_at = excluded.started_at,
    attached_at = excluded.attached_at,
    link = case when workers.generation = excluded.generation then workers.link end,
    rss_bytes = case when workers.generation = excluded.generation then workers.rss_bytes else 0 end,
    cpu_percent = case when workers.generation = excluded.generation then workers.cpu_percent else 0 end,
    responsive = true,
    last_frame_at = case when workers.generation = excluded.generation then workers.last_frame_at end,
    sampled_at = case when workers.generation = excluded.generation then workers.sampled_at end,
    exited_at = null,
    exit_reason = '',
    exit_code = null
where workers.generation <= excluded.generation;

-- A worker may end before it was ever recorded: then its exit makes the row.
-- name: RecordExit :exec
insert into workers (instance_id, generation, node_id, pid, start_ticks, boot_id, socket, build, protocol, started_at, exited_at, exit_reason, exit_code)
select i.id, @generation, i.node_id, 0, 0, '', '', '', 0, sqlc.arg(at)::timestamptz, sqlc.arg(at)::timestamptz, @exit_reason, sqlc.arg(exit_code)::int
from instances i where i.id = @instance_id and i.generation <= @generation
for key share of i
on conflict (instance_id) do update set
    generation = excluded.generation,
    node_id = case when workers.generation = excluded.generation then workers.node_id else excluded.node_id end,
    pid = case when workers.generation = excluded.generation then workers.pid else 0 end,
    start_ticks = case when workers.generation = excluded.generation then workers.start_ticks else 0 end,
    boot_id = case when workers.generation = excluded.generation then workers.boot_id else '' end,
    socket = case when workers.generation = excluded.generation then workers.socket else '' end,
    build = case when workers.generation = excluded.generation then workers.build else '' end,
    protocol = case when workers.generation = excluded.generation then workers.protocol else 0 end,
    started_at = case when workers.generation = excluded.generation then workers.started_at else excluded.started_at end,
    attached_at = case when workers.generation = excluded.generation then workers.attached_at end,
    exited_at = excluded.exited_at,
    exit_reason = excluded.exit_reason,
    exit_code = excluded.exit_code
where workers.generation <= excluded.generation;

-- name: RecordLink :exec
update workers set link = $3 where instance_id = $1 and generation = $2;

-- name: RecordTransition :exec
insert into instance_history (instance_id, generation, from_state, to_state, why, at)
select i.id, @generation, @from_state, @to_state, @why, @at
from instances i where i.id = @instance_id
for key share of i;

-- name: TrimHistory :exec
delete from instance_history h
where h.instance_id = @instance_id
  and h.id <= (select o.id from instance_history o where o.instance_id = @instance_id order by o.id desc limit 1 offset sqlc.arg(keep)::int);

-- name: RecordSamples :exec
update workers w set
    rss_bytes = s.rss_bytes,
    cpu_percent = s.cpu_percent,
    responsive = s.responsive,
    last_frame_at = coalesce(s.last_frame_at, w.last_frame_at),
    sampled_at = s.sampled_at
from (
    select unnest(sqlc.arg(ids)::text[]) as id,
           unnest(sqlc.arg(generations)::bigint[]) as generation,
           unnest(sqlc.arg(rss)::bigint[]) as rss_bytes,
           unnest(sqlc.arg(cpu)::float8[]) as cpu_percent,
           unnest(sqlc.arg(responsives)::bool[]) as responsive,
           nullif(unnest(sqlc.arg(frames)::timestamptz[]), '0001-01-01 00:00:00+00') as last_frame_at,
           unnest(sqlc.arg(ats)::timestamptz[]) as sampled_at
) s
where w.instance_id = s.id and w.generation = s.generation and (w.sampled_at is null or w.sampled_at <= s.sampled_at);
