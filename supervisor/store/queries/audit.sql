-- name: Audit :exec
insert into audit_log (at, user_id, action, target, detail) values ($1, $2, $3, $4, $5);
