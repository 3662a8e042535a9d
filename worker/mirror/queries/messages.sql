-- name: InsertMessage :exec
-- Fails on a message that is already there: the whole transaction is a redelivery then.
insert into messages (instance_id, chat, id, from_me, sender, timestamp, type, subtype, body, ack, push_name, raw,
    has_reaction, broadcast, server_id, recipients, revoked_at, revoke_id)
values (@instance_id, @chat, @id, @from_me, @sender, @timestamp, @type, @subtype, @body, @ack, @push_name, @raw,
    exists (select 1 from reactions r where r.instance_id = @instance_id and r.chat = @chat
            and r.message_id = @id and r.reaction <> ''),
    @broadcast, @server_id, @recipients, @revoked_at, @revoke_id);

-- name: LearnMessage :exec
-- From the past: a message that is already there stays as it is, unless it could not be decrypted.
insert into messages (instance_id, chat, id, from_me, sender, timestamp, type, body, ack, push_name, raw,
    starred, has_reaction, broadcast, history, server_id, recipients, revoked_at)
values (@instance_id, @chat, @id, @from_me, @sender, @timestamp, @type, @body, @ack, @push_name, @raw,
    @starred, @has_reaction::boolean or exists (select 1 from reactions r where r.instance_id = @instance_id and r.chat = @chat
            and r.message_id = @id and r.reaction <> ''),
    @broadcast, true, @server_id, @recipients, @revoked_at)
on conflict (instance_id, id, chat) do update set
    type = excluded.type, subtype = '', body = excluded.body, raw = excluded.raw, history = true
where messages.type = 'ciphertext' and excluded.type <> 'ciphertext';

-- name: DecryptedMessage :exec
-- A message that could not be decrypted at first has become readable.
update messages set type = @type, subtype = '', body = @body, raw = @raw, push_name = @push_name, server_id = @server_id
where instance_id = @instance_id and id = @id and chat = @chat;

-- name: EditMessage :exec
update messages set body = @body, raw = @raw, edit_id = @edit_id, edited_at = @edited_at
where instance_id = @instance_id and id = @id and chat = @chat;

-- name: RevokeMessage :exec
update messages set type = 'revoked', subtype = '', body = '', raw = null, revoked_at = @revoked_at, revoke_id = @revoke_id
where instance_id = @instance_id and id = @id and chat = @chat;

-- name: RaiseAck :exec
update messages set ack = @ack where instance_id = @instance_id and id = @id and chat = @chat and ack < @ack;

-- name: StarMessage :exec
update messages set starred = @starred where instance_id = @instance_id and id = @id and chat = @chat;

-- name: KeepMessage :exec
-- The newer change wins, whatever the order of arrival.
update messages set kept = @kept::boolean, keep_id = @keep_id, keep_by = @keep_by, keep_at = @keep_at, kept_count = @kept_count
where instance_id = @instance_id and id = @id and chat = @chat and keep_at <= @keep_at;

-- name: SetHasReaction :exec
update messages set has_reaction = exists (
    select 1 from reactions r where r.instance_id = messages.instance_id and r.chat = messages.chat
    and r.message_id = messages.id and r.reaction <> '')
where messages.instance_id = @instance_id and messages.id = @id and messages.chat = @chat;

-- name: DeleteMessage :exec
delete from messages where instance_id = $1 and id = $2 and chat = $3;

-- name: ClearChatUpTo :exec
delete from messages where instance_id = $1 and chat = $2 and timestamp <= $3;

-- name: OneMessage :one
select sqlc.embed(messages) from messages where instance_id = $1 and id = $2 and chat = $3;

-- name: MessagesByID :many
-- The same id in several chats is possible only with forged ids.
select sqlc.embed(messages) from messages where instance_id = $1 and id = $2 limit 10;

-- name: MessagesIn :many
-- Several messages of one chat by their ids.
select sqlc.embed(messages) from messages
where instance_id = $1 and chat = $2 and id = any(@ids::text[])
order by timestamp, position;

-- name: Newest :many
-- The newest messages of a chat before a place in it, newest first.
select sqlc.embed(messages) from messages
where instance_id = @instance_id and chat = @chat
  and (timestamp, position) < (@before_timestamp::bigint, @before_position::bigint)
  and type <> all(@without::text[])
order by timestamp desc, position desc
limit @at_most;

-- name: NewestFrom :many
-- As Newest, of one direction.
select sqlc.embed(messages) from messages
where instance_id = @instance_id and chat = @chat and from_me = @from_me
  and (timestamp, position) < (@before_timestamp::bigint, @before_position::bigint)
  and type <> all(@without::text[])
order by timestamp desc, position desc
limit @at_most;

-- name: NewestIncoming :many
select id, sender, timestamp from messages
where instance_id = $1 and chat = $2 and not from_me and type <> 'revoked'
order by timestamp desc, position desc
limit $3;

-- name: IncomingAfter :one
-- How many messages of others came after the newest of these.
select count(*) from messages m
where m.instance_id = @instance_id and m.chat = @chat and not m.from_me
  and (m.timestamp, m.position) > (
    select n.timestamp, n.position from messages n
    where n.instance_id = @instance_id and n.chat = @chat and n.id = any(@ids::text[])
    order by n.timestamp desc, n.position desc limit 1);

-- name: SearchMessages :many
-- pattern is for like, its wildcards escaped by the caller.
select sqlc.embed(m) from messages m
where m.instance_id = @instance_id and (sqlc.arg(chat)::text = '' or m.chat = sqlc.arg(chat)::text) and m.body ilike sqlc.arg(pattern)::text
order by m.timestamp desc, m.position desc
limit sqlc.arg(lim)::int offset sqlc.arg(off)::int;

-- name: OldestMessage :one
select sqlc.embed(messages) from messages where instance_id = $1 and chat = $2 order by timestamp, position limit 1;
