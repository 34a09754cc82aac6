//! A chunked upload (v2), one request a step, that outlives the server's deaths.

use anyhow::{Context as _, Result, bail, ensure};
use e2e::http::Request;

use crate::choose::filled;
use crate::observe::{Client, USER};
use crate::rng::Rng;

/// What is known of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    No,
    /// Without an answer.
    Perhaps,
    Yes,
}

/// An upload that is not closed yet.
#[derive(Debug, Clone)]
pub(crate) struct Transfer {
    name: String,
    made: Sent,
    chunks: Vec<(Vec<u8>, Sent)>,
    /// The closing `MOVE` was sent.
    pub(crate) closing: bool,
}

impl Transfer {
    /// An upload of some chunks, nothing of it sent.
    pub(crate) fn plan(mark: &str, rng: &mut Rng) -> Self {
        let name = format!("{mark}{}", rng.below(1_000_000_000));
        let chunks = (0..1 + rng.below(4))
            .map(|number| {
                let size = if rng.chance(30) { 200_000 + rng.below(200_000) } else { 5000 };
                (filled(&format!("{name}/{number} "), size, rng.next()), Sent::No)
            })
            .collect();
        Self { name, made: Sent::No, chunks, closing: false }
    }

    /// An upload whose three chunks are all acknowledged; `parked` sends the last one first.
    ///
    /// # Errors
    /// Without a right answer.
    pub(crate) fn sent(client: &mut Client, name: &str, parked: bool) -> Result<Self> {
        let chunk = |number: u64| (filled(&format!("{name}/{number} "), 9000, number), Sent::No);
        let chunks = (0..3).map(chunk).collect();
        let mut transfer = Self { name: name.to_owned(), made: Sent::No, chunks, closing: false };
        transfer.make(client)?;
        let order = if parked { [2, 0, 1] } else { [0, 1, 2] };
        for index in order {
            transfer.send(client, index)?;
        }
        Ok(transfer)
    }

    /// The same of chunks of `size` bytes in order, on a disk that may be full: gives the status
    /// that ended it, if one did.
    ///
    /// # Errors
    /// Without an answer.
    pub(crate) fn try_sent(
        client: &mut Client,
        name: &str,
        size: usize,
    ) -> Result<(Self, Option<u16>)> {
        let chunk = |number: u64| (filled(&format!("{name}/{number} "), size, number), Sent::No);
        let chunks: Vec<_> = (0..3).map(chunk).collect();
        let mut transfer = Self { name: name.to_owned(), made: Sent::No, chunks, closing: false };
        let made = client
            .send(&client.request("MKCOL", transfer.target("").trim_end_matches('/')))?
            .status;
        if made != 201 {
            return Ok((transfer, Some(made)));
        }
        transfer.made = Sent::Yes;
        for index in 0..transfer.chunks.len() {
            let request = transfer.chunk(client, index);
            let status = client.send(&request)?.status;
            if status != 201 {
                return Ok((transfer, Some(status)));
            }
            transfer.chunks[index].1 = Sent::Yes;
        }
        Ok((transfer, None))
    }

    /// One of which only this chunk is acknowledged, or none.
    ///
    /// # Errors
    /// Without a right answer.
    pub(crate) fn begun(client: &mut Client, name: &str, index: Option<usize>) -> Result<Self> {
        let chunk = |number: u64| (filled(&format!("{name}/{number} "), 9000, number), Sent::No);
        let chunks = (0..3).map(chunk).collect();
        let mut transfer = Self { name: name.to_owned(), made: Sent::No, chunks, closing: false };
        transfer.make(client)?;
        if let Some(index) = index {
            transfer.send(client, index)?;
        }
        Ok(transfer)
    }

    /// Sends a chunk that need not be taken; gives the status.
    ///
    /// # Errors
    /// Without an answer.
    pub(crate) fn try_chunk(&mut self, client: &mut Client, index: usize) -> Result<u16> {
        self.chunks[index].1 = Sent::Perhaps;
        Ok(client.send(&self.chunk(client, index))?.status)
    }

    /// Sends what is missing.
    ///
    /// # Errors
    /// Without a right answer.
    pub(crate) fn complete(&mut self, client: &mut Client) -> Result<()> {
        for index in 0..self.chunks.len() {
            if self.chunks[index].1 != Sent::Yes {
                self.send(client, index)?;
            }
        }
        Ok(())
    }

    /// The request that sends a chunk.
    fn chunk(&self, client: &Client, index: usize) -> Request {
        client
            .request("PUT", &self.target(&format!("{:05}", index + 1)))
            .field("OC-Total-Length", &self.whole().len().to_string())
            .body(self.chunks[index].0.clone())
    }

    fn target(&self, member: &str) -> String {
        format!("/remote.php/dav/uploads/{USER}/{}/{member}", self.name)
    }

    /// The file it becomes.
    pub(crate) fn whole(&self) -> Vec<u8> {
        self.chunks.iter().flat_map(|(bytes, _)| bytes.iter().copied()).collect()
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.chunks.iter().all(|(_, sent)| *sent == Sent::Yes)
    }

    /// Entries that it may have in the stage.
    pub(crate) fn entries(&self) -> usize {
        self.chunks.iter().filter(|(_, sent)| *sent != Sent::No).count()
    }

    /// Sends what comes next, sometimes out of order.
    ///
    /// # Errors
    /// Without a right answer.
    pub(crate) fn next(&mut self, client: &mut Client, rng: &mut Rng) -> Result<()> {
        if self.made != Sent::Yes {
            return self.make(client);
        }
        let open: Vec<usize> =
            (0..self.chunks.len()).filter(|index| self.chunks[*index].1 != Sent::Yes).collect();
        let first = open.first().copied().context("all chunks are sent")?;
        let index = if rng.chance(25) { open[rng.below(open.len())] } else { first };
        self.send(client, index)
    }

    fn make(&mut self, client: &mut Client) -> Result<()> {
        self.made = Sent::Perhaps;
        let answer =
            client.send(&client.request("MKCOL", self.target("").trim_end_matches('/')))?;
        ensure!(answer.status == 201, "MKCOL of {} is {}", self.name, answer.status);
        self.made = Sent::Yes;
        Ok(())
    }

    fn send(&mut self, client: &mut Client, index: usize) -> Result<()> {
        self.chunks[index].1 = Sent::Perhaps;
        let answer = client.send(&self.chunk(client, index))?;
        ensure!(
            matches!(answer.status, 201 | 204),
            "{index} of {} is {}",
            self.name,
            answer.status
        );
        self.chunks[index].1 = Sent::Yes;
        Ok(())
    }

    /// The closing `MOVE`.
    pub(crate) fn close(&self, client: &Client, destination: &str) -> Request {
        let total = self.whole().len().to_string();
        client
            .request("MOVE", &self.target(".file"))
            .field("Destination", destination)
            .field("OC-Total-Length", &total)
    }

    /// Looks what a killed server has of it: whether it is still there. What was acknowledged must
    /// be.
    ///
    /// # Errors
    /// When a chunk is missing or has another length.
    pub(crate) fn look(&mut self, client: &mut Client) -> Result<bool> {
        let Some(listed) = client.list(&self.target(""))? else {
            ensure!(self.made != Sent::Yes || self.closing, "the upload {} is gone", self.name);
            self.made = Sent::No;
            return Ok(false);
        };
        ensure!(self.made != Sent::No, "the upload {} was never begun", self.name);
        self.made = Sent::Yes;
        for (index, (bytes, sent)) in self.chunks.iter_mut().enumerate() {
            let name = format!("/{:05}", index + 1);
            let there = listed.iter().find(|entry| entry.path.ends_with(&name));
            match (there, *sent) {
                (None, Sent::Yes) => bail!("chunk {name} of {} is gone", self.name),
                (Some(_), Sent::No) => bail!("chunk {name} of {} was never sent", self.name),
                (Some(entry), _) if entry.size != bytes.len() as u64 => {
                    bail!("chunk {name} of {} has {} bytes", self.name, entry.size)
                }
                (Some(_), _) => *sent = Sent::Yes,
                (None, _) => *sent = Sent::No,
            }
        }
        Ok(true)
    }

    /// Gives it up.
    ///
    /// # Errors
    /// Without a right answer.
    pub(crate) fn abort(&self, client: &mut Client) -> Result<()> {
        let answer =
            client.send(&client.request("DELETE", self.target("").trim_end_matches('/')))?;
        ensure!(matches!(answer.status, 204 | 404), "DELETE of {} is {}", self.name, answer.status);
        Ok(())
    }
}
