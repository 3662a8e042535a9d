-- name: PutEarlyChange :exec
insert into early_changes (instance_id, chat, message_id, id, from_me, sender, kept, option, timestamp, noted_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
on conflict (instance_id, chat, message_id, id, sender) do nothing;

-- name: TrimEarlyChanges :exec
-- The newest of a chat stay, and none for too long.
delete from early_changes e
where e.instance_id = @instance_id and (e.noted_at < @before::bigint or e.chat = @chat and (e.noted_at, e.id, e.message_id) <= (
    select n.noted_at, n.id, n.message_id from early_changes n where n.instance_id = @instance_id and n.chat = @chat
    order by n.noted_at desc, n.id desc, n.message_id desc offset @most::int limit 1));

-- name: AwaitedMessages :many
select distinct message_id from early_changes where instance_id = @instance_id and noted_at >= @since::bigint;

-- name: EarlyChanges :many
select id, from_me, sender, kept, option, timestamp from early_changes
where instance_id = $1 and chat = $2 and message_id = $3
order by timestamp, noted_at, id;

-- name: DropEarlyChanges :exec
delete from early_changes where instance_id = $1 and chat = $2 and message_id = $3;

-- name: MergeEarlyChanges :exec
update early_changes e set
    chat = @id::text,
    sender = case when e.sender = @lid::text then @id::text else e.sender end
where e.instance_id = @instance_id and e.chat = @lid::text
  and not exists (select 1 from early_changes o
                  where o.instance_id = e.instance_id and o.chat = @id::text and o.message_id = e.message_id and o.id = e.id
                    and o.sender in (@id::text, @lid::text));

-- name: DropEarlyChangesOf :exec
delete from early_changes where instance_id = $1 and chat = $2;
