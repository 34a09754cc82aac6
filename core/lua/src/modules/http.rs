//! `moon.http`: requests to the hosts that are granted.

use mlua::{
    Lua, LuaString, MultiValue, Result, Table, UserData, UserDataFields, UserDataMethods, Value,
};

use super::args::Args;
use super::build::{Builder, failed, or_failed};
use super::json::decode;
use super::{ItemDoc, Module};
use crate::services::HttpAnswer;
use crate::site::Site;

mod follow;
mod grant;
mod request;

const GRANT: &str = "http:HOST";

/// See [`Module`].
pub(super) const MODULE: Module = Module {
    name: "moon.http",
    doc: "HTTP requests. Each host must be granted as `http:idp.example.com` (its default port) or \
          `http:idp.example.com:8443`; `*.example.com` stands for all names below. Addresses that are not \
          public (loopback, private, link-local) are refused whatever name leads there, unless the grant is \
          `http-private:HOST`. Redirects are followed within the grants; certificates are always checked. A \
          request takes at most 10 s and an answer 8 MiB, if nothing else is said. What a server answers, also \
          404 or 500, is an answer; nil and why means that there was none.",
    items: &[
        ItemDoc {
            name: "request",
            signature: OPTIONS_SIGNATURE,
            doc: "Sends a request. `json` and `form` set the body and its type; `bearer`, `basic` and the values of \
                  `headers` take secrets. `timeout` is at most 60 s, `redirects` at most 10 (5). After a \
                  redirect to another origin the credentials stay behind.",
            grant: GRANT,
        },
        ItemDoc {
            name: "get",
            signature: "(url: string, options: { [string]: any }?) -> (Response?, string?)",
            doc: "`request` with the method GET; the options are the same.",
            grant: GRANT,
        },
        ItemDoc {
            name: "post",
            signature: "(url: string, options: { [string]: any }?) -> (Response?, string?)",
            doc: "`request` with the method POST; the options are the same.",
            grant: GRANT,
        },
        ItemDoc {
            name: "response:json",
            signature: "() -> (any, string?)",
            doc: "The body as `moon.json.decode` reads it; nil and why if it is no JSON.",
            grant: "",
        },
        ItemDoc {
            name: "response:header",
            signature: "(name: string) -> string?",
            doc: "A field of the answer, in any case; repeated ones with `, ` between. Beside it a response has \
                  `status`, `ok` (200 to 299), `body` and `url` (after redirects).",
            grant: "",
        },
    ],
    open,
};

const OPTIONS_SIGNATURE: &str = "(options: { url: string, method: string?, headers: { [string]: string | Secret }?, body: string?, json: any, form: { [string]: string }?, bearer: (string | Secret)?, basic: { user: string, password: string | Secret }?, timeout: (string | number)?, redirects: number? }) -> (Response?, string?)";

fn open(lua: &Lua, site: &Site) -> Result<Table> {
    Ok(Builder::new(lua, site, MODULE.name)?
        .waiting("request", |lua, site, args| send(lua, site, args, None))?
        .waiting("get", |lua, site, args| send(lua, site, args, Some("GET")))?
        .waiting("post", |lua, site, args| send(lua, site, args, Some("POST")))?
        .table())
}

async fn send(lua: Lua, site: Site, mut args: Args, method: Option<&str>) -> Result<MultiValue> {
    let url = method.map(|_| args.take("url").text()).transpose()?;
    let (request, redirects) = request::read(&lua, &mut args, url, method)?;
    match follow::send(&site, &args, request, redirects).await? {
        Ok((answer, url)) => {
            let body = lua.create_string(&answer.body)?;
            or_failed(&lua, Ok::<_, String>(lua.create_userdata(Response { answer, body, url })?))
        }
        Err(problem) => failed(&lua, problem),
    }
}

struct Response {
    answer: HttpAnswer,
    body: LuaString,
    url: String,
}

impl UserData for Response {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        fields.add_field_method_get("status", |_, this| Ok(this.answer.status));
        fields.add_field_method_get("ok", |_, this| Ok((200..300).contains(&this.answer.status)));
        fields.add_field_method_get("body", |_, this| Ok(this.body.clone()));
        fields.add_field_method_get("url", |_, this| Ok(this.url.clone()));
    }

    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_method("json", |lua, this, ()| {
            or_failed(lua, decode::decode(lua, &this.body.as_bytes()))
        });
        methods.add_method("header", |lua, this, values: MultiValue| {
            let name = Args::of("moon.http:header", values).take("name").text()?;
            let fields = this.answer.headers.iter();
            let values = fields
                .filter(|(it, _)| it.eq_ignore_ascii_case(&name))
                .map(|(_, value)| value.as_slice());
            let values: Vec<&[u8]> = values.collect();
            match values.is_empty() {
                true => Ok(Value::Nil),
                false => Ok(Value::String(lua.create_string(values.join(&b", "[..]))?)),
            }
        });
    }
}

#[cfg(test)]
mod tests;
