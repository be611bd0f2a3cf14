"""HTTP requests, responses and their headers, as plain values with whole bodies."""

from broker.http.headers import Headers, HeadersInit
from broker.http.request import Request
from broker.http.response import Response

__all__ = ["Headers", "HeadersInit", "Request", "Response"]
