//! Owns a queue of jobs that is kept in Redis; must not know which server that is, nor who starts it.

use redis::{Commands as _, Connection, RedisResult};

/// Jobs that wait to be done, first come, first served.
pub struct Queue {
    connection: Connection,
    name: String,
}

impl Queue {
    /// The queue of this name. Where there is none yet, it is empty.
    pub fn new(connection: Connection, name: &str) -> Self {
        Self { connection, name: name.to_owned() }
    }

    /// Adds a job at the end.
    ///
    /// # Errors
    ///
    /// If the server is gone.
    pub fn push(&mut self, job: &str) -> RedisResult<()> {
        self.connection.rpush(&self.name, job)
    }

    /// Takes the job that has waited longest, if there is one.
    ///
    /// # Errors
    ///
    /// If the server is gone.
    pub fn pop(&mut self) -> RedisResult<Option<String>> {
        self.connection.lpop(&self.name, None)
    }
}
