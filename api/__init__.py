"""The faces: HTTP and SSE, web page, command line."""
