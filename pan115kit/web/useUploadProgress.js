/**
 * React hook: the uploads of a pan115kit server, live.
 *
 *   const { uploads, connected, reconnect } = useUploadProgress();
 *   const { uploads } = useUploadProgress({ url: "http://127.0.0.1:8115", token });
 *
 * Put this file beside progress.js; React (17 or later) is yours.
 */

import { useCallback, useEffect, useRef, useState } from "react";

import { connectUploadProgress } from "./progress.js";

export function useUploadProgress({ url, token, reconnectDelay, heartbeatInterval } = {}) {
  const [state, setState] = useState({ uploads: [], connected: false });
  const connection = useRef(null);

  useEffect(() => {
    const current = connectUploadProgress(url, setState, { token, reconnectDelay, heartbeatInterval });
    connection.current = current;
    return () => {
      connection.current = null;
      current.close();
    };
  }, [url, token, reconnectDelay, heartbeatInterval]);

  const reconnect = useCallback(() => connection.current?.reconnect(), []);
  return { uploads: state.uploads, connected: state.connected, reconnect };
}
