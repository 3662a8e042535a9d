-- +goose Up
-- When the account last turned to somebody in a way that leaves no message here, in unix
-- seconds; 0: never. It put them into a group, or set the timer of a chat with them. To
-- somebody who had not written by then that is a first contact.
alter table contacts add column approached_at bigint not null default 0;
create index contacts_approached on contacts (instance_id, approached_at) where approached_at > 0;
create index contacts_username on contacts (instance_id, id) where username <> '';

-- +goose Down
drop index contacts_username, contacts_approached;
alter table contacts drop column approached_at;
