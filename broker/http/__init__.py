"""HTTP requests and responses, their headers, bodies and forms, as plain values."""

from broker.http.blob import Blob, File
from broker.http.form import FormData
from broker.http.headers import Headers, HeadersInit
from broker.http.request import Request
from broker.http.response import Response
from broker.http.stream import BodyStream

__all__ = ["Blob", "BodyStream", "File", "FormData", "Headers", "HeadersInit", "Request", "Response"]
