-- +goose Up
-- When the session's user last gave the password. Each exchange of a refresh
-- token carries it on, so a session that is refreshed does not seem new.
alter table refresh_tokens add column proved_at timestamptz;
update refresh_tokens t set proved_at = f.began
from (select family, min(issued_at) as began from refresh_tokens group by family) f where f.family = t.family;
alter table refresh_tokens alter column proved_at set not null;

-- Where users signed in from, as a keyed hash of the address: guesses from
-- elsewhere do not slow their owner down there.
create table known_addresses (
    user_id text not null references users (id) on delete cascade,
    hash    bytea not null,
    seen_at timestamptz not null,
    primary key (user_id, hash)
);

create index audit_log_user on audit_log (user_id, id);
create index audit_log_target on audit_log (target, id);

-- +goose Down
drop index audit_log_target, audit_log_user;
drop table known_addresses;
alter table refresh_tokens drop column proved_at;
