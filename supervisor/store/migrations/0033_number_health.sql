-- +goose Up
-- What WhatsApp has said of an account's number (proto/standing). Written by the
-- account's worker when it hears it, and by the manager when something runs out; both
-- hold the row of the instance's feed, so neither overwrites the other.
create table number_standing (
    instance_id text primary key references instances (id) on delete cascade,
    document    json not null,
    ends_at     timestamptz -- when the first of what is in force runs out
);
create index number_standing_ends on number_standing (ends_at) where ends_at is not null;

-- Messages that WhatsApp refused, by day (UTC) and by the code of the refusal.
create table number_refusals (
    instance_id text not null references instances (id) on delete cascade,
    day         date not null,
    code        integer not null,
    count       bigint not null,
    primary key (instance_id, day, code)
);

-- The owner's policy. Instances from before are only watched: what they could send
-- yesterday they can send today.
alter table instances add column health_policy json not null default '{"mode":"watch"}';
alter table instances alter column health_policy set default '{"mode":"protect"}';

-- A message of the queue that waits although its turn has come, and why.
alter table sends add column held_until timestamptz, add column held_reason text not null default '';
create index sends_held on sends (held_until) where held_until is not null and state in ('queued', 'running');

-- How far back the phone's history goes tells how old a number is.
create index messages_history on messages (instance_id, timestamp) where history;

-- +goose Down
drop index messages_history;
alter table sends drop column held_until, drop column held_reason;
alter table instances drop column health_policy;
drop table number_refusals, number_standing;
