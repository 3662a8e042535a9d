-- +goose Up
-- For retention. BRIN costs next to nothing to keep, and messages come roughly
-- in the order of their age.
create index messages_age on messages using brin (timestamp);

-- +goose Down
drop index messages_age;
