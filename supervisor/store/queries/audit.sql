-- name: Audit :exec
insert into audit_log (at, user_id, action, target, detail) values ($1, $2, $3, $4, $5);

-- What concerns the viewer: what they did, and what was done to them or to their instances.
-- name: AuditPage :many
select * from audit_log l
where (sqlc.arg(viewer)::text = '' or l.user_id = sqlc.arg(viewer)::text or l.target = sqlc.arg(viewer)::text
       or l.target = any(array(select i.id from instances i where i.owner_id = sqlc.arg(viewer)::text)))
  and (sqlc.arg(action)::text = '' or l.action = sqlc.arg(action)::text or starts_with(l.action, sqlc.arg(action)::text || '.'))
  and (sqlc.arg(user_id)::text = '' or l.user_id = sqlc.arg(user_id)::text)
  and (sqlc.arg(target)::text = '' or l.target = sqlc.arg(target)::text)
  and (sqlc.narg(since)::timestamptz is null or l.at >= sqlc.narg(since)::timestamptz)
  and (sqlc.narg(until)::timestamptz is null or l.at < sqlc.narg(until)::timestamptz)
  and (sqlc.arg(before)::bigint = 0 or l.id < sqlc.arg(before)::bigint)
order by l.id desc limit sqlc.arg(lim)::int;

-- name: PruneAudit :execrows
delete from audit_log where action = $1 and at < sqlc.arg(before)::timestamptz;
