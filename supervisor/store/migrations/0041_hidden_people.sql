-- +goose Up
-- Who was told to readers of the feed by a hidden id, because the number was not known. When
-- it becomes known they are told once.
create table hidden_people (
    instance_id text not null references instances (id) on delete cascade,
    lid text not null,
    primary key (instance_id, lid)
);

insert into hidden_people (instance_id, lid)
select instance_id, id from contacts where id like '%@lid'
union
select instance_id, id from chats where id like '%@lid';

-- +goose Down
drop table hidden_people;
