//! A client that changes files until the server is gone, and writes down what it was told.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::http::{Request, Response};

use crate::choose::{self, Step};
use crate::law::Law;
use crate::linear::Event;
use crate::model::{Answer, Done, Op, State, hash};
use crate::observe::{Client, NAMESPACE, files};
use crate::rng::Rng;
use crate::transfer::Transfer;

/// The area where all work.
pub(crate) const SHARED: &str = "shared";

/// What all workers of a cycle share.
pub(crate) struct Stage {
    clock: AtomicU64,
    /// The server is being killed: no answer is no surprise from now on.
    pub(crate) killed: AtomicBool,
    pub(crate) law: Mutex<Law>,
    /// What happened, with its area.
    pub(crate) events: Mutex<Vec<(String, Event)>>,
    pub(crate) seed: u64,
    pub(crate) cycle: u64,
    /// The disk fails now and then: what is answered 5xx may yet come back after a crash. The worker
    /// that sees one stops, since it does not know what it has.
    pub(crate) faulty: bool,
}

/// What a worker knows from one cycle to the next.
pub(crate) struct Worker {
    pub(crate) number: usize,
    /// Its own area as it must be.
    pub(crate) own: State,
    /// The shared area, as it was when the cycle began.
    pub(crate) shared: State,
    /// Locks that it has in the shared area.
    pub(crate) tokens: Vec<(String, String)>,
    pub(crate) transfer: Option<Transfer>,
    /// Requests that were answered.
    pub(crate) answered: usize,
}

/// The end of a worker's cycle.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    NoAnswer,
}

impl Stage {
    pub(crate) fn new(law: Law, (seed, cycle): (u64, u64), faulty: bool) -> Self {
        let (clock, killed, events) = Default::default();
        Self { clock, killed, law: Mutex::new(law), events, seed, cycle, faulty }
    }

    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }
}

impl Worker {
    pub(crate) fn new(number: usize) -> Self {
        let (own, shared) = (State::default(), State::default());
        Self { number, own, shared, tokens: Vec::new(), transfer: None, answered: 0 }
    }

    pub(crate) fn area(&self) -> String {
        format!("own{}", self.number)
    }

    /// Works until the server does not answer.
    ///
    /// # Errors
    /// When an answer cannot be right, or does not come though nobody killed the server.
    pub(crate) fn work(&mut self, mut client: Client, stage: &Stage) -> Result<()> {
        let mut rng = Rng::new(stage.seed, &[stage.cycle, self.number as u64]);
        for count in 0.. {
            let shared = rng.chance(40);
            let mark = format!("c{}w{}n{count} ", stage.cycle, self.number);
            let held: Vec<(String, String)> = match shared {
                true => self.tokens.clone(),
                false => held(&self.own),
            };
            let known = if shared { &self.shared } else { &self.own };
            let step = choose::step(known, &held, shared, &mark, &mut rng);
            let area = if shared { SHARED.to_owned() } else { self.area() };
            let ended = self.step(&mut client, stage, &area, step, &mut rng)?;
            if let Some(Ended::NoAnswer) = ended {
                return Ok(());
            }
            self.answered += 1;
        }
        Ok(())
    }

    fn step(
        &mut self,
        client: &mut Client,
        stage: &Stage,
        area: &str,
        step: Step,
        rng: &mut Rng,
    ) -> Result<Option<Ended>> {
        match step {
            Step::Put { path, body, token, slow } => {
                let op = choose::put_op(&path, &body, token.as_ref());
                let mut request = client.request("PUT", &at(area, &path));
                if let Some(token) = &token {
                    request = request.field("If", &format!("(<{token}>)"));
                }
                let pause = slow.then(|| Duration::from_millis(20 + rng.below(200) as u64));
                self.tell(client, stage, area, op, &|client| put(client, &request, &body, pause))
            }
            Step::Ask(op) => {
                let request = ask(client, area, &op);
                self.tell(client, stage, area, op, &|client| client.send(&request))
            }
            Step::Import { to } => {
                let own = self.own.0.iter().filter(|(_, node)| node.file.is_some());
                let Some((from, node)) = rng.pick(&own.collect::<Vec<_>>()).copied() else {
                    return Ok(None);
                };
                let hash = node.file.as_ref().map_or(0, |file| file.hash);
                let op = Op::Import { hash, dead: node.dead.clone(), to: to.clone() };
                let request = client.request("COPY", &at(&self.area(), from));
                let request = request.field("Destination", &at(area, &to));
                self.tell(client, stage, area, op, &|client| client.send(&request))
            }
            Step::List { path } => {
                let path = format!("{area}/{path}").trim_end_matches('/').to_owned();
                match client.list(&files(&path)) {
                    Ok(Some(listed)) if listed[0].folder => {
                        let members: Vec<_> = listed[1..].to_vec();
                        let mut law = stage.law.lock().unwrap_or_else(PoisonError::into_inner);
                        let noted = law.listed(&path, &listed[0].etag, whole(&members));
                        noted.map_err(anyhow::Error::msg)?;
                        Ok(None)
                    }
                    Ok(_) => Ok(None),
                    Err(error) => gone(stage, error),
                }
            }
            Step::Upload => self.upload(client, stage, area, rng),
        }
    }

    fn upload(
        &mut self,
        client: &mut Client,
        stage: &Stage,
        area: &str,
        rng: &mut Rng,
    ) -> Result<Option<Ended>> {
        let mut transfer = match self.transfer.take() {
            Some(transfer) => transfer,
            None => Transfer::plan(&format!("c{}w{}-", stage.cycle, self.number), rng),
        };
        if !transfer.is_complete() {
            let sent = transfer.next(client, rng);
            self.transfer = Some(transfer);
            return match sent {
                Ok(()) => Ok(None),
                Err(error) => gone(stage, error),
            };
        }
        let known = if area == SHARED { &self.shared } else { &self.own };
        let path = choose::target(known, rng);
        let op = choose::put_op(&path, &transfer.whole(), None);
        let request = transfer.close(client, &at(area, &path));
        transfer.closing = true;
        self.transfer = Some(transfer);
        let ended = self.tell(client, stage, area, op, &|client| client.send(&request))?;
        if ended.is_none() {
            let events = stage.events.lock().unwrap_or_else(PoisonError::into_inner);
            let last = events.iter().rev().find(|(_, event)| event.worker == self.number);
            let done = matches!(last, Some((_, Event { answer: Answer::Done(_), .. })));
            // Refused, it keeps its chunks and can be closed elsewhere.
            self.transfer = self.transfer.take().filter(|_| !done);
            if let Some(transfer) = &mut self.transfer {
                transfer.closing = false;
            }
        }
        Ok(ended)
    }

    /// Sends a request and writes down what came of it.
    fn tell(
        &mut self,
        client: &mut Client,
        stage: &Stage,
        area: &str,
        op: Op,
        send: &dyn Fn(&mut Client) -> Result<Response>,
    ) -> Result<Option<Ended>> {
        let begun = stage.tick();
        let answer = send(client);
        let ended = stage.tick();
        let mut event = Event { worker: self.number, begun, ended, op, answer: Answer::None };
        let note = |event: &Event| {
            let mut events = stage.events.lock().unwrap_or_else(PoisonError::into_inner);
            events.push((area.to_owned(), event.clone()));
        };
        let response = match answer {
            Ok(response) if stage.faulty && response.status >= 500 => {
                event.ended = u64::MAX;
                note(&event);
                return Ok(Some(Ended::NoAnswer));
            }
            Ok(response) => response,
            Err(error) => {
                event.ended = u64::MAX;
                note(&event);
                return gone(stage, error);
            }
        };
        ensure!(
            response.status < 500,
            "{:?} in {area} is {}: {}",
            event.op,
            response.status,
            response.text()
        );
        event.answer = understood(&event.op, &response)?;
        note(&event);
        self.learn(stage, area, &event)?;
        Ok(None)
    }

    fn learn(&mut self, stage: &Stage, area: &str, event: &Event) -> Result<()> {
        let Answer::Done(done) = &event.answer else {
            return match area {
                SHARED => Ok(()),
                _ => self.advance(event),
            };
        };
        let content = match &event.op {
            Op::Put { path, hash, .. } | Op::Import { hash, to: path, .. } => Some((path, *hash)),
            Op::Get { path } => done.got.map(|got| (path, got)),
            _ => None,
        };
        if let (Some((path, content)), Some(etag)) = (content, &done.etag) {
            let mut law = stage.law.lock().unwrap_or_else(PoisonError::into_inner);
            law.note(&format!("{area}/{path}"), etag, content).map_err(anyhow::Error::msg)?;
        }
        if area != SHARED {
            return self.advance(event);
        }
        match (&event.op, &done.token) {
            (Op::Lock { path }, Some(token)) => self.tokens.push((path.clone(), token.clone())),
            (Op::Unlock { token, .. }, _) => self.tokens.retain(|(_, held)| held != token),
            _ => {}
        }
        Ok(())
    }

    /// Nobody else is in the worker's own area, so each answer can be judged at once.
    fn advance(&mut self, event: &Event) -> Result<()> {
        let after = self.own.after(&event.op, &event.answer);
        self.own =
            after.with_context(|| format!("own{}: {event:?} in {:#?}", self.number, self.own))?;
        Ok(())
    }
}

/// Locks whose tokens are known.
fn held(state: &State) -> Vec<(String, String)> {
    let locks = state.0.iter().filter_map(|(path, node)| Some((path, node.lock.clone()??)));
    locks.map(|(path, token)| (path.clone(), token)).collect()
}

fn at(area: &str, path: &str) -> String {
    files(&format!("{area}/{path}"))
}

fn whole<T: std::hash::Hash>(value: &T) -> u64 {
    use std::hash::Hasher as _;
    let mut hasher = std::hash::DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// No answer is right only if the server was killed, a wrong one if its disk fails.
fn gone(stage: &Stage, error: anyhow::Error) -> Result<Option<Ended>> {
    match stage.faulty || stage.killed.load(Ordering::SeqCst) {
        true => Ok(Some(Ended::NoAnswer)),
        false => Err(error.context("no answer, and the server was not killed")),
    }
}

fn put(
    client: &mut Client,
    request: &Request,
    body: &[u8],
    pause: Option<Duration>,
) -> Result<Response> {
    let Some(pause) = pause else { return client.send(&request.clone().body(body)) };
    let (first, second) = body.split_at(body.len() / 2);
    let length = body.len().to_string();
    client.send_first(&request.clone().field("Content-Length", &length).body(first))?;
    std::thread::sleep(pause);
    client.send_more(second)?;
    client.receive("PUT")
}

/// The request of an operation; a `PUT` lacks its body.
pub(crate) fn ask(client: &Client, area: &str, op: &Op) -> Request {
    let request = |method: &str, path: &str| client.request(method, &at(area, path));
    match op {
        Op::Get { path } => request("GET", path),
        Op::Put { path, .. } => request("PUT", path),
        Op::Mkcol { path } => request("MKCOL", path),
        Op::Delete { path } => request("DELETE", path),
        Op::Move { from, to, overwrite } => request("MOVE", from)
            .field("Destination", &at(area, to))
            .field("Overwrite", if *overwrite { "T" } else { "F" }),
        Op::Copy { from, to } => request("COPY", from).field("Destination", &at(area, to)),
        Op::Import { to, .. } => request("GET", to),
        Op::Proppatch { path, value } => request("PROPPATCH", path).body(format!(
            "<d:propertyupdate xmlns:d=\"DAV:\" xmlns:q=\"{NAMESPACE}\"><d:set><d:prop><q:p>{value}</q:p></d:prop>\
             </d:set></d:propertyupdate>"
        )),
        Op::Lock { path } => request("LOCK", path).field("Depth", "0").field("Timeout", "Second-604800").body(
            "<d:lockinfo xmlns:d=\"DAV:\"><d:lockscope><d:exclusive/></d:lockscope><d:locktype><d:write/>\
             </d:locktype></d:lockinfo>",
        ),
        Op::Unlock { path, token } => {
            request("UNLOCK", path).field("Lock-Token", &format!("<{token}>"))
        }
    }
}

/// An answer in the model's words.
pub(crate) fn understood(op: &Op, response: &Response) -> Result<Answer> {
    let status = response.status;
    let text = response.text();
    let failed = matches!(op, Op::Proppatch { .. }) && !text.contains("HTTP/1.1 200 OK");
    if status >= 400 || failed {
        return Ok(Answer::Refused(status));
    }
    let id = response.find_field("oc-fileid").map(|id| {
        let digits = id.trim_start_matches('0').chars().take_while(char::is_ascii_digit);
        digits.collect::<String>().parse::<u64>()
    });
    let bare = |name: &str| {
        let value = response.find_field(name)?;
        Some(value.trim_matches(|mark| matches!(mark, '"' | '<' | '>')).to_owned())
    };
    Ok(Answer::Done(Done {
        status,
        id: id.transpose().context("an id that is no number")?,
        etag: bare("etag"),
        token: bare("lock-token"),
        got: matches!(op, Op::Get { .. }).then(|| hash(&response.body)),
    }))
}
