-- +goose Up
-- Who made a webhook: a key, or a user; neither for those from before.
alter table webhook_endpoints add column created_by_key text not null default '',
    add column created_by_user text not null default '';

-- What was recorded of failed look-ups named the resolver.
update webhook_endpoints set last_error = 'the name does not exist, or leads to an internal address that the operator has not allowed' where last_error like '%no such host%';
update webhook_backlog set last_error = 'the name does not exist, or leads to an internal address that the operator has not allowed' where last_error like '%no such host%';
update webhook_attempts set error = 'the name does not exist, or leads to an internal address that the operator has not allowed' where error like '%no such host%';

-- +goose Down
alter table webhook_endpoints drop column created_by_key, drop column created_by_user;
