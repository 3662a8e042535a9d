-- name: PutReceipt :exec
-- Times are kept as first reported; 0 adds nothing.
insert into receipts (instance_id, chat, message_id, participant, delivered_at, read_at, played_at)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (instance_id, chat, message_id, participant) do update set
    delivered_at = case when receipts.delivered_at = 0 then excluded.delivered_at else receipts.delivered_at end,
    read_at = case when receipts.read_at = 0 then excluded.read_at else receipts.read_at end,
    played_at = case when receipts.played_at = 0 then excluded.played_at else receipts.played_at end;

-- name: Receipts :many
select message_id, participant, delivered_at, read_at, played_at from receipts
where instance_id = $1 and chat = $2 and message_id = any(@ids::text[])
order by message_id, participant;

-- name: PutReaction :exec
insert into reactions (instance_id, chat, message_id, sender, reaction, id, from_me, timestamp, read)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (instance_id, chat, message_id, sender) do update set
    reaction = excluded.reaction, id = excluded.id, from_me = excluded.from_me,
    timestamp = excluded.timestamp, read = excluded.read
where reactions.timestamp <= excluded.timestamp;

-- name: Reactions :many
select sender, reaction, id, from_me, timestamp, read from reactions
where instance_id = $1 and chat = $2 and message_id = $3
order by timestamp, sender;

-- name: PutVote :exec
insert into votes (instance_id, chat, message_id, voter, hashes, timestamp, unreadable) values ($1, $2, $3, $4, $5, $6, $7)
on conflict (instance_id, chat, message_id, voter) do update set
    hashes = excluded.hashes, timestamp = excluded.timestamp, unreadable = excluded.unreadable
where votes.timestamp < excluded.timestamp;

-- name: Votes :many
select voter, hashes, timestamp, unreadable from votes
where instance_id = $1 and chat = $2 and message_id = $3
order by timestamp, voter;

-- name: PutEventResponse :exec
insert into event_responses (instance_id, chat, message_id, sender, id, from_me, response, extra_guests, timestamp)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (instance_id, chat, message_id, sender) do update set
    id = excluded.id, from_me = excluded.from_me, response = excluded.response,
    extra_guests = excluded.extra_guests, timestamp = excluded.timestamp
where event_responses.timestamp < excluded.timestamp;

-- name: EventResponses :many
select sender, id, from_me, response, extra_guests, timestamp from event_responses
where instance_id = $1 and chat = $2 and message_id = $3
order by timestamp, sender;
