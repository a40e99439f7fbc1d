"""What clinicians decide about diagnoses.

- `database`: the worklist and the append-only reviews, in one SQLite file (`ReviewDatabase`)
- `records`: what goes in and comes out (`NewReview`, `Review`, `WorklistFilter`, `Case`, …)
- `worklist`: the queries behind the worklist
- `scores`: reading a folder of `mediscan score`, and the order of attention
- `loading`: bringing them into the tables
- `models`: the tables and their triggers
- `dashboard`: the command line that starts the reviewing dashboard

Nothing is imported here, so that starting the dashboard does not wait for SQLAlchemy.
"""
