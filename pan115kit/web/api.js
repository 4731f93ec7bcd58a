/** The server's REST calls.  Addresses are relative, so that a proxy's prefix does not matter. */

export class CallError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Calls to one server: that of this page, or the one at `url` with its `token`. */
export class UploadApi {
  constructor({ url, token } = {}) {
    this.base = new URL(url ?? document.baseURI, document.baseURI);
    this.base.protocol = this.base.protocol.replace(/^ws/, "http");
    this.base.pathname = this.base.pathname.replace(/ws\/upload\/progress$/, "").replace(/\/*$/, "/");
    this.headers = token ? { authorization: `Bearer ${token}` } : {};
  }

  async call(method, path, body) {
    const headers = { ...this.headers };
    if (body !== undefined) headers["content-type"] = "application/json";
    let answer;
    try {
      answer = await fetch(new URL(path, this.base), {
        method, headers, cache: "no-store", credentials: "same-origin",
        body: body === undefined ? undefined : JSON.stringify(body),
      });
    } catch {
      throw new CallError(0, "");
    }
    let data = {};
    try { data = await answer.json(); } catch { /* an answer of something between us and the server */ }
    if (!answer.ok) throw new CallError(answer.status, data.detail ?? answer.statusText);
    return data;
  }

  about() { return this.call("GET", "api/upload/about"); }

  sessions() { return this.call("GET", "api/upload/sessions").then((data) => data.sessions); }

  start(upload) { return this.call("POST", "api/upload", upload); }

  /** pause, resume, cancel or retry: these uploads, or all that it makes sense for. */
  async command(action, jobIds) {
    if (jobIds === null) await this.call("POST", `api/upload/all/${action}`);
    else for (const id of jobIds) await this.call("POST", `api/upload/${encodeURIComponent(id)}/${action}`);
  }

  deleteSession(id) { return this.call("DELETE", `api/upload/sessions/${encodeURIComponent(id)}`); }

  resumeSession(id) { return this.call("POST", `api/upload/sessions/${encodeURIComponent(id)}/resume`); }
}
