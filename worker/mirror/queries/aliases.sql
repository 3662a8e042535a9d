-- name: AliasState :one
-- What there is to do about a hidden id whose phone number is known.
select exists (select 1 from contacts c where c.instance_id = @instance_id and c.id = @id::text and c.lid = @lid::text) as noted,
    (exists (select 1 from contacts c where c.instance_id = @instance_id and c.id = @lid::text)
     or exists (select 1 from chats c where c.instance_id = @instance_id and c.id = @lid::text)
     or exists (select 1 from messages m where m.instance_id = @instance_id and m.chat = @lid::text)
     or exists (select 1 from receipts r where r.instance_id = @instance_id and r.chat = @lid::text)
     or exists (select 1 from reactions r where r.instance_id = @instance_id and r.chat = @lid::text)
     or exists (select 1 from early_changes e where e.instance_id = @instance_id and e.chat = @lid::text))::bool as unmerged;

-- The statements below move everything that is known under a hidden id to the
-- phone-number id of the same person. They run together, in this order, and
-- find nothing to do after the first time.

-- name: MergeContact :exec
insert into contacts (instance_id, id, lid, name, short_name, push_name, business_name, username, approached_at)
select c.instance_id, @id::text, @lid::text, c.name, c.short_name, c.push_name, c.business_name, c.username, c.approached_at
from contacts c where c.instance_id = @instance_id and c.id = @lid::text
on conflict (instance_id, id) do update set
    lid = excluded.lid,
    name = case when contacts.name = '' then excluded.name else contacts.name end,
    short_name = case when contacts.short_name = '' then excluded.short_name else contacts.short_name end,
    push_name = case when contacts.push_name = '' then excluded.push_name else contacts.push_name end,
    business_name = case when contacts.business_name = '' then excluded.business_name else contacts.business_name end,
    username = case when contacts.username = '' then excluded.username else contacts.username end,
    approached_at = greatest(contacts.approached_at, excluded.approached_at);

-- name: DropContact :exec
delete from contacts where instance_id = $1 and id = $2;

-- name: NoteLID :exec
insert into contacts (instance_id, id, lid) values ($1, $2, $3)
on conflict (instance_id, id) do update set lid = excluded.lid where contacts.lid <> excluded.lid;

-- name: MergeChat :exec
insert into chats (instance_id, id, name, unread_count, timestamp, archived, pinned, muted_until, read_only,
    ephemeral_duration, ephemeral_set_at)
select c.instance_id, @id::text, c.name, c.unread_count, c.timestamp, c.archived, c.pinned, c.muted_until, c.read_only,
    c.ephemeral_duration, c.ephemeral_set_at
from chats c where c.instance_id = @instance_id and c.id = @lid::text
on conflict (instance_id, id) do update set
    unread_count = greatest(chats.unread_count, 0) + greatest(excluded.unread_count, 0),
    timestamp = greatest(chats.timestamp, excluded.timestamp),
    archived = chats.archived or excluded.archived,
    pinned = chats.pinned or excluded.pinned,
    ephemeral_duration = case when excluded.ephemeral_set_at > chats.ephemeral_set_at
        then excluded.ephemeral_duration else chats.ephemeral_duration end,
    ephemeral_set_at = greatest(chats.ephemeral_set_at, excluded.ephemeral_set_at);

-- name: DropChat :exec
delete from chats where instance_id = $1 and id = $2;

-- name: MergeMessages :exec
update messages m set
    chat = @id::text,
    sender = case when m.sender = @lid::text then @id::text else m.sender end
where m.instance_id = @instance_id and m.chat = @lid::text
  and not exists (select 1 from messages o
                  where o.instance_id = m.instance_id and o.id = m.id and o.chat = @id::text);

-- name: MergeReceipts :exec
update receipts r set
    chat = @id::text,
    participant = case when r.participant = @lid::text then @id::text else r.participant end
where r.instance_id = @instance_id and r.chat = @lid::text
  and not exists (select 1 from receipts o
                  where o.instance_id = r.instance_id and o.chat = @id::text and o.message_id = r.message_id
                    and o.participant in (@id::text, @lid::text));

-- name: MergeReactions :exec
update reactions r set
    chat = @id::text,
    sender = case when r.sender = @lid::text then @id::text else r.sender end
where r.instance_id = @instance_id and r.chat = @lid::text
  and not exists (select 1 from reactions o
                  where o.instance_id = r.instance_id and o.chat = @id::text and o.message_id = r.message_id
                    and o.sender in (@id::text, @lid::text));

-- name: MergeVotes :exec
update votes v set
    chat = @id::text,
    voter = case when v.voter = @lid::text then @id::text else v.voter end
where v.instance_id = @instance_id and v.chat = @lid::text
  and not exists (select 1 from votes o
                  where o.instance_id = v.instance_id and o.chat = @id::text and o.message_id = v.message_id
                    and o.voter in (@id::text, @lid::text));

-- name: MergeEventResponses :exec
update event_responses e set
    chat = @id::text,
    sender = case when e.sender = @lid::text then @id::text else e.sender end
where e.instance_id = @instance_id and e.chat = @lid::text
  and not exists (select 1 from event_responses o
                  where o.instance_id = e.instance_id and o.chat = @id::text and o.message_id = e.message_id
                    and o.sender in (@id::text, @lid::text));

-- name: DropEventResponses :exec
delete from event_responses where instance_id = $1 and chat = $2;

-- name: DropMessages :exec
delete from messages where instance_id = $1 and chat = $2;

-- name: DropReceipts :exec
delete from receipts where instance_id = $1 and chat = $2;

-- name: DropReactions :exec
delete from reactions where instance_id = $1 and chat = $2;

-- name: DropVotes :exec
delete from votes where instance_id = $1 and chat = $2;
