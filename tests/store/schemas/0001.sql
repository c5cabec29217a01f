-- A store of schema 0001, the first: two views, and one that was deleted.
CREATE TABLE logitscope_schema (version_num VARCHAR(32) NOT NULL, PRIMARY KEY (version_num));
INSERT INTO logitscope_schema VALUES ('0001');
CREATE TABLE saved_views (
    id VARCHAR(26) NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    author VARCHAR(600) NOT NULL,
    author_name VARCHAR(300) NOT NULL,
    shared BOOLEAN NOT NULL,
    created BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    deleted BIGINT,
    title TEXT NOT NULL,
    sorting VARCHAR(200) NOT NULL,
    language VARCHAR(10) NOT NULL,
    page VARCHAR(40) NOT NULL,
    model VARCHAR(300) NOT NULL,
    excerpt VARCHAR(300) NOT NULL,
    digest VARCHAR(64) NOT NULL,
    searched TEXT NOT NULL,
    note TEXT NOT NULL,
    expected TEXT NOT NULL,
    control TEXT NOT NULL,
    query TEXT NOT NULL
);
CREATE INDEX saved_views_listed ON saved_views (deleted, changed, id, author, shared);
CREATE INDEX saved_views_by_title ON saved_views (deleted, sorting, id, author, shared);
CREATE INDEX saved_views_digest ON saved_views (digest);
CREATE TABLE view_tags (
    view_id VARCHAR(26) NOT NULL REFERENCES saved_views (id) ON DELETE CASCADE,
    tag VARCHAR(50) NOT NULL,
    PRIMARY KEY (view_id, tag)
);
CREATE INDEX view_tags_tag ON view_tags (tag);
INSERT INTO saved_views (
    id, version, author, author_name, shared, created, changed, deleted, sorting, title, note, expected, control, language,
    page, query, model, excerpt, searched, digest
) VALUES (
    'aaaaaaaaaaaaaaaaaaaaaaaaaa', 1, '', '', FALSE, 1764500000000000, 1764500000000000, NULL, 'x',
    'Induction in layer 1',
    'The second zebra looks at what followed the first.',
    'A stripe.',
    'attention?model=gpt2&prompt=zebra+lamp+river',
    'en',
    'attention',
    'model=gpt2&prompt=zebra+lamp+zebra&attention_layer=1',
    'gpt2',
    'zebra lamp zebra',
    'induction in layer 1
the second zebra looks at what followed the first.
a stripe.
heads
induction
gpt2
zebra lamp zebra',
    '8dd4dd2a9f9d1e44561febcc6f654b1af1528f8d8c6a08e5f9daae4b509609c2'
);
INSERT INTO view_tags VALUES ('aaaaaaaaaaaaaaaaaaaaaaaaaa', 'heads');
INSERT INTO view_tags VALUES ('aaaaaaaaaaaaaaaaaaaaaaaaaa', 'induction');
INSERT INTO saved_views (
    id, version, author, author_name, shared, created, changed, deleted, sorting, title, note, expected, control, language,
    page, query, model, excerpt, searched, digest
) VALUES (
    'bbbbbbbbbbbbbbbbbbbbbbbbbb', 1, '', '', FALSE, 1764500000000000, 1764500000000000, NULL, 'x',
    '''; DROP TABLE saved_views; -- ñ 日本 100%',
    'The second zebra looks at what followed the first.',
    'A stripe.',
    'attention?model=gpt2&prompt=zebra+lamp+river',
    'en',
    'attention',
    'model=gpt2&prompt=zebra+lamp+zebra&attention_layer=1',
    'gpt2',
    'zebra lamp zebra',
    '''; drop table saved_views; -- n 日本 100%
the second zebra looks at what followed the first.
a stripe.
gpt2
zebra lamp zebra',
    'd179ef33d23c67c5565a5ee4c0323f048fa198511b192d4fe31bc39ba4f725fa'
);
INSERT INTO saved_views (
    id, version, author, author_name, shared, created, changed, deleted, sorting, title, note, expected, control, language,
    page, query, model, excerpt, searched, digest
) VALUES (
    'cccccccccccccccccccccccccc', 1, '', '', FALSE, 1764500000000000, 1764500000000000, 4102444800000000, 'x',
    'deleted',
    'The second zebra looks at what followed the first.',
    'A stripe.',
    'attention?model=gpt2&prompt=zebra+lamp+river',
    'en',
    'attention',
    'model=gpt2&prompt=zebra+lamp+zebra&attention_layer=1',
    'gpt2',
    'zebra lamp zebra',
    'deleted
the second zebra looks at what followed the first.
a stripe.
gpt2
zebra lamp zebra',
    'e77d61bbbcfd6fa6922cf5c427c49284b6a01d2a76b4320a1a46e48a39774c2a'
);
