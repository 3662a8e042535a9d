-- name: TrimMessages :execrows
-- Old messages with all that hangs on them, a page at a time; starred and kept ones stay.
with old as (
    select m.instance_id, m.chat, m.id from messages m where m.timestamp < sqlc.arg(before)::bigint and not m.starred and m.kept is not true limit sqlc.arg(lim)::int
), r as (
    delete from receipts x using old o where x.instance_id = o.instance_id and x.chat = o.chat and x.message_id = o.id
), a as (
    delete from reactions x using old o where x.instance_id = o.instance_id and x.chat = o.chat and x.message_id = o.id
), v as (
    delete from votes x using old o where x.instance_id = o.instance_id and x.chat = o.chat and x.message_id = o.id
), e as (
    delete from event_responses x using old o where x.instance_id = o.instance_id and x.chat = o.chat and x.message_id = o.id
), p as (
    delete from pins x using old o where x.instance_id = o.instance_id and x.chat = o.chat and x.message_id = o.id
)
delete from messages m using old o where m.instance_id = o.instance_id and m.chat = o.chat and m.id = o.id;

-- name: FeedsWithEvents :many
select instance_id from feeds where head > 0;
