/** The server's REST calls, as the page makes them.  Addresses are relative, so that a proxy's prefix does not matter. */

export class CallError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export async function call(method, path, body) {
  let answer;
  try {
    answer = await fetch(new URL(path, document.baseURI), {
      method,
      headers: body === undefined ? {} : { "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
    });
  } catch {
    throw new CallError(0, "");
  }
  let data = {};
  try { data = await answer.json(); } catch { /* an answer of something between us and the server */ }
  if (!answer.ok) throw new CallError(answer.status, data.detail ?? answer.statusText);
  return data;
}

export const about = () => call("GET", "api/upload/about");
export const sessions = () => call("GET", "api/upload/sessions").then((data) => data.sessions);
export const start = (upload) => call("POST", "api/upload", upload);
export const command = (job, what) => call("POST", `api/upload/${encodeURIComponent(job)}/${what}`);
export const commandAll = (what) => call("POST", `api/upload/all/${what}`);
export const deleteSession = (id) => call("DELETE", `api/upload/sessions/${encodeURIComponent(id)}`);
export const resumeSession = (id) => call("POST", `api/upload/sessions/${encodeURIComponent(id)}/resume`);
