-- name: PutLabel :exec
insert into labels (instance_id, id, name, color) values ($1, $2, $3, $4)
on conflict (instance_id, id) do update set name = excluded.name, color = excluded.color;

-- name: DropLabel :exec
with unused as (delete from label_chats lc where lc.instance_id = $1 and lc.label_id = $2)
delete from labels l where l.instance_id = $1 and l.id = $2;

-- name: LabelChat :exec
insert into label_chats (instance_id, chat, label_id) values ($1, $2, $3) on conflict do nothing;

-- name: UnlabelChat :exec
delete from label_chats where instance_id = $1 and chat = $2 and label_id = $3;

-- name: Labels :many
select id, name, color from labels where instance_id = $1 order by length(id), id;

-- name: LabelsOfChat :many
select l.id, l.name, l.color from label_chats lc
join labels l on l.instance_id = lc.instance_id and l.id = lc.label_id
where lc.instance_id = $1 and lc.chat = $2 order by length(l.id), l.id;

-- name: ChatsOfLabel :many
select chat from label_chats where instance_id = $1 and label_id = $2 order by chat;

-- name: PutNote :exec
-- A late replay of an older edit changes nothing.
insert into customer_notes (instance_id, chat, id, kind, content, created_at, modified_at) values ($1, $2, $3, $4, $5, $6, $7)
on conflict (instance_id, chat) do update set
    id = excluded.id, kind = excluded.kind, content = excluded.content, created_at = excluded.created_at, modified_at = excluded.modified_at
where excluded.modified_at >= customer_notes.modified_at;

-- name: DropNote :exec
delete from customer_notes where instance_id = $1 and id = $2;

-- name: OneNote :one
select chat, id, kind, content, created_at, modified_at from customer_notes where instance_id = $1 and chat = $2;
