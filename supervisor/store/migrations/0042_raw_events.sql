-- +goose Up
-- Whether events carry the raw content of their Message: for good, or while a webhook
-- wants it. The rows of events grow with it, so nobody gets it unasked.
alter table instances add column raw_events boolean not null default false;
alter table webhook_endpoints add column raw boolean not null default false;

-- +goose Down
alter table webhook_endpoints drop column raw;
alter table instances drop column raw_events;
