BEGIN TRANSACTION;
CREATE TABLE accounts (
	id INTEGER NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	role VARCHAR(16) NOT NULL, 
	password_hash VARCHAR(256) NOT NULL, 
	disabled BOOLEAN NOT NULL, 
	created_at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (name)
);
INSERT INTO "accounts" VALUES(1,'ann','reader','',0,'2026-11-28T08:23:10.045512+00:00');
CREATE TABLE adjudications (
	id INTEGER NOT NULL, 
	subject_id INTEGER NOT NULL, 
	account_id INTEGER NOT NULL, 
	reading_1 INTEGER NOT NULL, 
	reading_2 INTEGER NOT NULL, 
	chosen INTEGER NOT NULL, 
	triggers TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	signed_name VARCHAR(128) NOT NULL, 
	made_at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(account_id) REFERENCES accounts (id), 
	FOREIGN KEY(chosen) REFERENCES readings (id), 
	FOREIGN KEY(reading_1) REFERENCES readings (id), 
	FOREIGN KEY(reading_2) REFERENCES readings (id), 
	FOREIGN KEY(subject_id) REFERENCES subjects (id)
);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE assignments (
	id INTEGER NOT NULL, 
	subject_id INTEGER NOT NULL, 
	account_id INTEGER NOT NULL, 
	slot VARCHAR(16) NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(account_id) REFERENCES accounts (id), 
	FOREIGN KEY(subject_id) REFERENCES subjects (id), 
	UNIQUE (subject_id, slot)
);
CREATE TABLE audit (
	number INTEGER NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	account VARCHAR(64) NOT NULL, 
	role VARCHAR(16) NOT NULL, 
	action VARCHAR(32) NOT NULL, 
	subject VARCHAR(128) NOT NULL, 
	record VARCHAR(32) NOT NULL, 
	record_id VARCHAR(64) NOT NULL, 
	"before" TEXT NOT NULL, 
	"after" TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	software VARCHAR(32) NOT NULL, 
	protocol VARCHAR(64) NOT NULL, 
	previous VARCHAR(64) NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	PRIMARY KEY (number)
);
INSERT INTO "audit" VALUES(1,'2026-11-28T08:23:10.027297+00:00','system','system','enrol subject','','subjects','1','','{"id": 1, "name": "S1"}','','recist 0.1.0','pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp','0000000000000000000000000000000000000000000000000000000000000000','598c36caf10f82c752f015a7a4553965ebd340a5f31da992ac2d004eefd24bc9');
INSERT INTO "audit" VALUES(2,'2026-11-28T08:23:10.046370+00:00','system','system','create account','','accounts','1','','{"created_at": "2026-11-28T08:23:10.045512+00:00", "disabled": false, "id": 1, "name": "ann", "password_hash": "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "role": "reader"}','','recist 0.1.0','pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp','598c36caf10f82c752f015a7a4553965ebd340a5f31da992ac2d004eefd24bc9','ef3317badd0ca1cabf5711f088c1f125d2396c5839330982565e3e14f05f2787');
INSERT INTO "audit" VALUES(3,'2026-11-28T08:23:10.070451+00:00','ann','reader','open reading','S1','readings','1','','{"account_id": 1, "id": 1, "opened_at": "2026-11-28T08:23:10.069780+00:00", "reason": "", "revision": 0, "state": "open", "subject_id": 1, "version": 1}','','recist 0.1.0','pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp','ef3317badd0ca1cabf5711f088c1f125d2396c5839330982565e3e14f05f2787','0dca6c2d1f7160e33625228cafff3a6a9cc16606998447915a09d7938c84f239');
INSERT INTO "audit" VALUES(4,'2026-11-28T08:23:10.080568+00:00','ann','reader','say comment','S1','entries','1','','{"content": "{\"text\": \"first\"}", "id": 1, "kind": "comment", "made_at": "2026-11-28T08:23:10.079023+00:00", "number": 1, "reading_id": 1}','first','recist 0.1.0','pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp','0dca6c2d1f7160e33625228cafff3a6a9cc16606998447915a09d7938c84f239','f92b61313f0e5b8b760354c94ab562cf279ba0796bd4201d86df2ad7f68329f9');
INSERT INTO "audit" VALUES(5,'2026-11-28T08:23:10.080640+00:00','ann','reader','say comment','S1','readings','1','{"account_id": 1, "id": 1, "opened_at": "2026-11-28T08:23:10.069780+00:00", "reason": "", "revision": 0, "state": "open", "subject_id": 1, "version": 1}','{"account_id": 1, "id": 1, "opened_at": "2026-11-28T08:23:10.069780+00:00", "reason": "", "revision": 1, "state": "open", "subject_id": 1, "version": 1}','first','recist 0.1.0','pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp','f92b61313f0e5b8b760354c94ab562cf279ba0796bd4201d86df2ad7f68329f9','6563175e91bee4ef40851263810ad3bc7ce503016e6f226da4dbb5556fedacd4');
INSERT INTO "audit" VALUES(6,'2026-11-28T08:23:10.109486+00:00','ann','reader','sign','S1','signatures','1','','{"content_sha256": "943587aa3d49f682fa06049d5eeded6334b404c53a5fe3a0802e768a3c797a90", "date": "", "id": 1, "meaning": "read", "reading_id": 1, "response": "", "signed_at": "2026-11-28T08:23:10.104584+00:00", "signed_name": "Ann", "table_csv": "sha256:943587aa3d49f682fa06049d5eeded6334b404c53a5fe3a0802e768a3c797a90"}','read','recist 0.1.0','pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp','6563175e91bee4ef40851263810ad3bc7ce503016e6f226da4dbb5556fedacd4','43e20d2544191b8ea6f76de3af095dc68b45818024c827e1115a4452a16e53b2');
INSERT INTO "audit" VALUES(7,'2026-11-28T08:23:10.109554+00:00','ann','reader','sign','S1','readings','1','{"account_id": 1, "id": 1, "opened_at": "2026-11-28T08:23:10.069780+00:00", "reason": "", "revision": 1, "state": "open", "subject_id": 1, "version": 1}','{"account_id": 1, "id": 1, "opened_at": "2026-11-28T08:23:10.069780+00:00", "reason": "", "revision": 2, "state": "open", "subject_id": 1, "version": 1}','read','recist 0.1.0','pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp','43e20d2544191b8ea6f76de3af095dc68b45818024c827e1115a4452a16e53b2','d561f95af1b1992fdccff06cd88b4cf57c020d7355564f8990d937f008211f64');
INSERT INTO "audit" VALUES(8,'2026-11-28T08:23:10.111986+00:00','ann','reader','sign','S1','readings','1','{"account_id": 1, "id": 1, "opened_at": "2026-11-28T08:23:10.069780+00:00", "reason": "", "revision": 2, "state": "open", "subject_id": 1, "version": 1}','{"account_id": 1, "id": 1, "opened_at": "2026-11-28T08:23:10.069780+00:00", "reason": "", "revision": 2, "state": "signed", "subject_id": 1, "version": 1}','read','recist 0.1.0','pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp','d561f95af1b1992fdccff06cd88b4cf57c020d7355564f8990d937f008211f64','4948b4662037ce8d39d7c43ab95ea8c42a1798038a00c7cf1bd03b3e77737046');
INSERT INTO "audit" VALUES(9,'2026-11-28T08:23:10.131617+00:00','ann','reader','ask the site','S1','queries','1','','{"account_id": 1, "answer": "", "answered_at": "", "answered_by": null, "asked_at": "2026-11-28T08:23:10.130736+00:00", "id": 1, "subject_id": 1, "text": "Which phase?"}','','recist 0.1.0','pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp','4948b4662037ce8d39d7c43ab95ea8c42a1798038a00c7cf1bd03b3e77737046','bd1f670003cdf771dafcaf399e140a93861c2183e72624ef2a240e47e3e4ffe9');
CREATE TABLE audit_head (
	id INTEGER NOT NULL, 
	rows INTEGER NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	seal VARCHAR(64) NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "audit_head" VALUES(1,9,'bd1f670003cdf771dafcaf399e140a93861c2183e72624ef2a240e47e3e4ffe9','f678537b4396ecfd770259b1bcf2492f93d46fed3354c5c8de9a796cb8cf7e4c');
CREATE TABLE entries (
	id INTEGER NOT NULL, 
	reading_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	content TEXT NOT NULL, 
	made_at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(reading_id) REFERENCES readings (id), 
	UNIQUE (reading_id, number)
);
INSERT INTO "entries" VALUES(1,1,1,'comment','{"text": "first"}','2026-11-28T08:23:10.079023+00:00');
CREATE TABLE login_failures (
	id INTEGER NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	address VARCHAR(64) NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE outlines (
	sha256 VARCHAR(64) NOT NULL, 
	start VARCHAR(64) NOT NULL, 
	shape VARCHAR(64) NOT NULL, 
	bits BLOB NOT NULL, 
	PRIMARY KEY (sha256)
);
CREATE TABLE queries (
	id INTEGER NOT NULL, 
	subject_id INTEGER NOT NULL, 
	account_id INTEGER NOT NULL, 
	text TEXT NOT NULL, 
	asked_at VARCHAR(32) NOT NULL, 
	answer TEXT NOT NULL, 
	answered_at VARCHAR(32) NOT NULL, 
	answered_by INTEGER, 
	PRIMARY KEY (id), 
	FOREIGN KEY(account_id) REFERENCES accounts (id), 
	FOREIGN KEY(answered_by) REFERENCES accounts (id), 
	FOREIGN KEY(subject_id) REFERENCES subjects (id)
);
INSERT INTO "queries" VALUES(1,1,1,'Which phase?','2026-11-28T08:23:10.130736+00:00','','',NULL);
CREATE TABLE readings (
	id INTEGER NOT NULL, 
	subject_id INTEGER NOT NULL, 
	account_id INTEGER NOT NULL, 
	version INTEGER NOT NULL, 
	revision INTEGER NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	opened_at VARCHAR(32) NOT NULL, 
	reason TEXT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(account_id) REFERENCES accounts (id), 
	FOREIGN KEY(subject_id) REFERENCES subjects (id), 
	UNIQUE (subject_id, account_id, version)
);
INSERT INTO "readings" VALUES(1,1,1,1,2,'signed','2026-11-28T08:23:10.069780+00:00','');
CREATE TABLE sessions (
	key_hash VARCHAR(64) NOT NULL, 
	account_id INTEGER NOT NULL, 
	csrf VARCHAR(64) NOT NULL, 
	created_at VARCHAR(32) NOT NULL, 
	seen_at VARCHAR(32) NOT NULL, 
	expires_at VARCHAR(32) NOT NULL, 
	PRIMARY KEY (key_hash), 
	FOREIGN KEY(account_id) REFERENCES accounts (id)
);
CREATE TABLE signatures (
	id INTEGER NOT NULL, 
	reading_id INTEGER NOT NULL, 
	date VARCHAR(10) NOT NULL, 
	signed_name VARCHAR(128) NOT NULL, 
	meaning TEXT NOT NULL, 
	signed_at VARCHAR(32) NOT NULL, 
	table_csv TEXT NOT NULL, 
	content_sha256 VARCHAR(64) NOT NULL, 
	response VARCHAR(32) NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(reading_id) REFERENCES readings (id)
);
INSERT INTO "signatures" VALUES(1,1,'','Ann','read','2026-11-28T08:23:10.104584+00:00','subject,day,lesion,role,organ,nodal,status,diameter_mm,merged_into,field,reader,drawn_by,visit,tracking_uid,volume_ml,suv_max,suv_mean,suv_peak,part,review,confidence,doubts'||char(13)||char(10)||'','943587aa3d49f682fa06049d5eeded6334b404c53a5fe3a0802e768a3c797a90','');
CREATE TABLE subjects (
	id INTEGER NOT NULL, 
	name VARCHAR(128) NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (name)
);
INSERT INTO "subjects" VALUES(1,'S1');
CREATE INDEX ix_login_failures_address ON login_failures (address);
CREATE INDEX ix_login_failures_name ON login_failures (name);
CREATE INDEX ix_adjudications_subject_id ON adjudications (subject_id);
CREATE INDEX ix_entries_reading_id ON entries (reading_id);
CREATE INDEX ix_signatures_reading_id ON signatures (reading_id);
CREATE TRIGGER audit_keep_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'rows of audit are never changed or deleted'); END;
CREATE TRIGGER audit_keep_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'rows of audit are never changed or deleted'); END;
CREATE TRIGGER entries_keep_update BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'rows of entries are never changed or deleted'); END;
CREATE TRIGGER entries_keep_delete BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'rows of entries are never changed or deleted'); END;
CREATE TRIGGER outlines_keep_update BEFORE UPDATE ON outlines BEGIN SELECT RAISE(ABORT, 'rows of outlines are never changed or deleted'); END;
CREATE TRIGGER outlines_keep_delete BEFORE DELETE ON outlines BEGIN SELECT RAISE(ABORT, 'rows of outlines are never changed or deleted'); END;
CREATE TRIGGER signatures_keep_update BEFORE UPDATE ON signatures BEGIN SELECT RAISE(ABORT, 'rows of signatures are never changed or deleted'); END;
CREATE TRIGGER signatures_keep_delete BEFORE DELETE ON signatures BEGIN SELECT RAISE(ABORT, 'rows of signatures are never changed or deleted'); END;
CREATE TRIGGER adjudications_keep_update BEFORE UPDATE ON adjudications BEGIN SELECT RAISE(ABORT, 'rows of adjudications are never changed or deleted'); END;
CREATE TRIGGER adjudications_keep_delete BEFORE DELETE ON adjudications BEGIN SELECT RAISE(ABORT, 'rows of adjudications are never changed or deleted'); END;
COMMIT;
