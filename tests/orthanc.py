"""Orthanc as a sending and receiving PACS on loopback."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Final

from config.sending import Destination
from tests.requirements import program
from tests.servers import Server, free_port

AE_TITLE: Final = "ORTHANC"


class OrthancServer(Server):
    """Debian's Orthanc, with its data below the folder and its ports on loopback."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.http_port = free_port()
        self.dicom_port = free_port()

    @property
    def destination(self) -> Destination:
        """It as a peer of the node."""
        return Destination(ae_title=AE_TITLE, host="127.0.0.1", port=self.dicom_port)

    def arguments(self) -> list[str]:
        settings = {
            "Name": "test",
            "StorageDirectory": str(self.folder / "storage"),
            "IndexDirectory": str(self.folder / "storage"),
            "HttpPort": self.http_port,
            "DicomPort": self.dicom_port,
            "DicomAet": AE_TITLE,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomAlwaysAllowEcho": True,
            "DicomAlwaysAllowStore": True,
            "DicomCheckCalledAet": False,
            "OverwriteInstances": False,
            "StableAge": 1,
            "Plugins": [],
        }
        path = self.folder / "orthanc.json"
        path.write_text(json.dumps(settings))
        return [str(program("Orthanc")), str(path)]

    def is_ready(self) -> bool:
        try:
            self.get("/system")
        except (urllib.error.URLError, ConnectionError):
            return False
        return True

    def get(self, path: str) -> Any:
        """Ask its REST interface."""
        return self._call("GET", path, None)

    def import_file(self, path: Path) -> str:
        """Put one DICOM file into it; give Orthanc's id of the instance."""
        answer = self._call("POST", "/instances", path.read_bytes())
        return str(answer["ID"])

    def send(self, instances: list[str], peer: Destination) -> dict[str, Any]:
        """Let it send instances by C-STORE, as they are stored."""
        self.know(peer)
        body = json.dumps({"Resources": instances, "Synchronous": True}).encode()
        answer: dict[str, Any] = self._call("POST", "/modalities/node/store", body)
        return answer

    def know(self, peer: Destination) -> None:
        """Tell it where the node listens: it answers questions of known peers alone."""
        modality = {"AET": peer.ae_title, "Host": peer.host, "Port": peer.port}
        self._call("PUT", "/modalities/node", json.dumps(modality).encode())

    def lose(self, sop_instance_uid: str) -> None:
        """Delete one instance, as a disk that fails does."""
        (found,) = self._call("POST", "/tools/lookup", sop_instance_uid.encode())
        self._raw(str(found["Path"]), "DELETE")

    def count_instances(self) -> int:
        """How many instances it holds."""
        return int(self.get("/statistics")["CountInstances"])

    def files(self) -> list[bytes]:
        """Every instance it holds, as a Part 10 file."""
        return [self._raw(f"/instances/{instance}/file") for instance in self.get("/instances")]

    def _call(self, method: str, path: str, body: bytes | None) -> Any:
        return json.loads(self._raw(path, method, body) or b"null")

    def _raw(self, path: str, method: str = "GET", body: bytes | None = None) -> bytes:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.http_port}{path}", data=body, method=method
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            content: bytes = answer.read()
            return content
