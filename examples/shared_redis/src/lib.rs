//! Owns a queue of jobs kept in Redis; must not know which server that is or who starts it.

use redis::{Commands as _, Connection, RedisResult};

/// Waiting jobs, first come, first served.
pub struct Queue {
    connection: Connection,
    name: String,
}

impl Queue {
    /// The queue with this name, which is empty if it does not exist yet.
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
