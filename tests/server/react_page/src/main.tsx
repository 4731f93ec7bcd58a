// The specification's own examples, typed, in StrictMode (which mounts everything twice).
import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";

import { UploadItem, UploadProgressList } from "@/components/UploadProgress";
import { useUploadProgress } from "@/hooks/useUploadProgress";

const query = new URLSearchParams(location.search);

function Uploads() {
  const { uploads, connected, reconnect } = useUploadProgress({
    url: query.get("server") ?? undefined,
    token: query.get("token") ?? undefined,
  });
  return (
    <div>
      <h3>上传任务 ({uploads.length})</h3>
      <p id="line">{connected ? "connected" : "not connected"}</p>
      {!connected && <button id="reconnect" onClick={reconnect}>重新连接</button>}
      {uploads.map((upload) => (
        <div className="upload" key={upload.job_id}>
          <h4>{upload.file_name}</h4>
          <progress value={upload.percentage} max={100} />
          <p className="percent">{upload.percentage.toFixed(2)}%</p>
          <p className="speed">{upload.speed_mbps.toFixed(2)} MB/s</p>
          {upload.eta_seconds && <p>{upload.eta_seconds}</p>}
          <p className="status">{upload.status}</p>
        </div>
      ))}
    </div>
  );
}

function Lists() {
  const [url, token] = [query.get("server") ?? undefined, query.get("token") ?? undefined];
  const { uploads } = useUploadProgress({ url, token });
  return (
    <>
      <div id="list"><UploadProgressList url={url} token={token} lang="zh" /></div>
      <div id="items">{uploads.map((upload) => <UploadItem key={upload.job_id} upload={upload} lang="en" />)}</div>
    </>
  );
}

function Page() {
  const [shown, setShown] = useState(true);
  return (
    <>
      <button id="toggle" onClick={() => setShown(!shown)}>toggle</button>
      {shown && (query.get("show") === "list" ? <Lists /> : <Uploads />)}
    </>
  );
}

createRoot(document.getElementById("root")!).render(<StrictMode><Page /></StrictMode>);
