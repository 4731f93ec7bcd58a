"""Aliyun OSS with 115's bucket: objects, multipart uploads, signatures, callbacks."""
