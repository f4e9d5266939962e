"""German: what installation, preferences and the process of the backend say."""

from collections.abc import Mapping

TEXTS: Mapping[str, str] = {
    "Looking at this computer": "Sieht sich diesen Rechner an",
    "Checking what is there": "Prüft, was da ist",
    "Preparing Python": "Bereitet Python vor",
    "Asking for the packages": "Fragt nach den Paketen",
    "Installing the packages": "Installiert die Pakete",
    "Loading the packages": "Lädt die Pakete",
    "Fetching the models": "Holt die Modelle",
    "Making a small mesh": "Macht ein kleines Netz",
    "Finishing": "Schließt ab",
    "Removing": "Entfernt",
    "Moving": "Verschiebt",
    "Downloading the model": "Lädt das Modell herunter",
    "Checking the model": "Prüft das Modell",
    "Checking the models": "Prüft die Modelle",
    "Removing the model": "Entfernt das Modell",
    "Copying the model": "Kopiert das Modell",
    "unpacking": "packt aus",
    "Computing on the Apple chip": "Rechnet auf dem Apple-Chip",
    "Computing on the processor: no NVIDIA card is here": (
        "Rechnet auf dem Prozessor: hier ist keine NVIDIA-Karte"
    ),
    "Computing on {card}": "Rechnet auf {card}",
    "Computing with the build {build}": "Rechnet mit der Fassung {build}",
    "{card} is too old for today's packages: computing on the processor": (
        "{card} ist zu alt für heutige Pakete: rechnet auf dem Prozessor"
    ),
    "The driver of {card} is version {driver}: computing on the processor. "
    "Install driver {wanted} or newer, then click Repair": (
        "Der Treiber von {card} ist Version {driver}: rechnet auf dem Prozessor. "
        "Treiber {wanted} oder neuer installieren, dann auf Reparieren klicken"
    ),
    "This version has no packages for {card} on this system: computing on the processor": (
        "Diese Version hat keine Pakete für {card} auf diesem System: rechnet auf dem Prozessor"
    ),
    "The packages do not reach the graphics card: computing on the processor. "
    "Install the newest driver, then click Repair": (
        "Die Pakete erreichen die Grafikkarte nicht: rechnet auf dem Prozessor. "
        "Den neuesten Treiber installieren, dann auf Reparieren klicken"
    ),
    "{sentence}. No Python of its own could be had, so it builds on Blender's": (
        "{sentence}. Ein eigenes Python war nicht zu bekommen, daher auf dem von Blender"
    ),
    "{sentence}. No Python of its own could be had, so it builds on this computer's": (
        "{sentence}. Ein eigenes Python war nicht zu bekommen, daher auf dem dieses Rechners"
    ),
    "Removed: {parts}": "Entfernt: {parts}",
    "Moved to {path}": "Verschoben nach {path}",
    "{model}: all files are as they should be": "{model}: alle Dateien sind, wie sie sein sollen",
    "{model} removed, {size} MB freed": "{model} entfernt, {size} MB frei geworden",
    "{model} imported": "{model} übernommen",
    "{model}: {count} files fetched": "{model}: {count} Dateien geholt",
    "{model} was there already": "{model} war schon da",
    "Stopped; what was downloaded is kept": "Angehalten; was geladen ist, bleibt",
    "One2345 needs macOS {LEAST_MACOS} or newer, and this Mac has {version}": (
        "One2345 braucht macOS {LEAST_MACOS} oder neuer, und dieser Mac hat {version}"
    ),
    "One2345 runs on Linux and Windows (x64) and on Apple chips, not on {machine}": (
        "One2345 läuft auf Linux und Windows (x64) und auf Apple-Chips, nicht auf {machine}"
    ),
    "This version has no list of packages {name}; choose another build of torch": (
        "Diese Version hat keine Paketliste {name}; eine andere Fassung von torch wählen"
    ),
    "This folder is for {other}, but this is {system}; choose another folder": (
        "Dieser Ordner ist für {other}, hier ist {system}; einen anderen Ordner wählen"
    ),
    "There are {free} GB free at {path}, but {needed} GB are needed; "
    "free some space or choose another data folder in the preferences": (
        "Bei {path} sind {free} GB frei, gebraucht werden {needed} GB; "
        "Platz schaffen oder in den Einstellungen einen anderen Datenordner wählen"
    ),
    "There are {free} GB free at {path}, but {needed} GB are needed; choose another folder": (
        "Bei {path} sind {free} GB frei, gebraucht werden {needed} GB; einen anderen Ordner wählen"
    ),
    "The data folder {path} cannot be made ({reason}); choose another in the preferences": (
        "Der Datenordner {path} lässt sich nicht anlegen ({reason}); "
        "in den Einstellungen einen anderen wählen"
    ),
    "The data folder {path} has a path of {count} characters; "
    "choose one of at most {limit} in the preferences": (
        "Der Pfad des Datenordners {path} hat {count} Zeichen; "
        "in den Einstellungen einen mit höchstens {limit} wählen"
    ),
    "There is no Python {version} to build on and none could be downloaded; "
    "connect to the internet, or install Python {version} and try again": (
        "Es gibt kein Python {version}, und keins war zu laden; "
        "mit dem Internet verbinden oder Python {version} installieren und noch einmal versuchen"
    ),
    "The package {name} does not load ({reason}); click Repair, and report this if that does not help": (
        "Das Paket {name} lädt nicht ({reason}); auf Reparieren klicken, und melden, wenn das nicht hilft"
    ),
    "Windows lacks Microsoft's Visual C++ runtime; install 'Visual C++ Redistributable x64', "
    "then click Repair": (
        "Windows fehlt Microsofts Visual-C++-Laufzeit; 'Visual C++ Redistributable x64' installieren, "
        "dann auf Reparieren klicken"
    ),
    "The graphics driver is too old for the packages; install the newest driver and click Repair": (
        "Der Grafiktreiber ist zu alt für die Pakete; den neuesten installieren und auf Reparieren klicken"
    ),
    "This system lacks a library that the packages need; the log names it. Install it and click Repair": (
        "Diesem System fehlt eine Bibliothek, die die Pakete brauchen; das Protokoll nennt sie. "
        "Sie installieren und auf Reparieren klicken"
    ),
    "The test failed ({reason}); click Repair, and report this if that does not help": (
        "Der Test schlug fehl ({reason}); auf Reparieren klicken, und melden, wenn das nicht hilft"
    ),
    "The disk is full; free some space and click Install again, it goes on where it stopped": (
        "Die Platte ist voll; Platz schaffen und noch einmal auf Installieren klicken, "
        "es geht weiter wie zuvor"
    ),
    "A downloaded package is not the file it should be; click Install again, only that one is fetched": (
        "Ein geladenes Paket ist nicht die Datei, die es sein soll; "
        "noch einmal auf Installieren klicken, nur dieses wird geholt"
    ),
    "Another program, most likely the antivirus, holds a file; "
    "allow the data folder there and click Repair": (
        "Ein anderes Programm, wohl der Virenschutz, hält eine Datei fest; "
        "den Datenordner dort erlauben und auf Reparieren klicken"
    ),
    "The data folder cannot be written; choose another in the add-on preferences": (
        "In den Datenordner lässt sich nicht schreiben; in den Einstellungen des Add-ons einen anderen wählen"
    ),
    "The connection broke off or a server does not answer; click Install again, what is there is kept": (
        "Die Verbindung brach ab, oder ein Server antwortet nicht; "
        "noch einmal auf Installieren klicken, was da ist, bleibt"
    ),
    "A package is not where it should be; check the network or choose another folder, then try again": (
        "Ein Paket ist nicht, wo es sein soll; das Netz prüfen oder einen anderen Ordner wählen, "
        "dann noch einmal versuchen"
    ),
    "The packages could not be installed (uv ended with {code}: {reason}); the log tells more": (
        "Die Pakete ließen sich nicht installieren (uv endete mit {code}: {reason}); mehr steht im Protokoll"
    ),
    "This zip brings no installer; take the zip that is made for this system": (
        "Diese Zip-Datei bringt keinen Installierer mit; die nehmen, die für dieses System gemacht ist"
    ),
    "Everything is as it should be": "Alles ist, wie es sein soll",
    "Nothing is installed in {path}; click Install": (
        "In {path} ist nichts installiert; auf Installieren klicken"
    ),
    "The environment is gone or was never finished; click Repair": (
        "Die Umgebung ist fort oder wurde nie fertig; auf Reparieren klicken"
    ),
    "The packages are those of another version of One2345; click Update": (
        "Die Pakete sind die einer anderen Version von One2345; auf Aktualisieren klicken"
    ),
    "The package {name} is damaged; click Repair": "Das Paket {name} ist beschädigt; auf Reparieren klicken",
    "{file} of {model} is missing or damaged; click Repair": (
        "{file} von {model} fehlt oder ist beschädigt; auf Reparieren klicken"
    ),
    "{file} of {model} is missing or damaged; download it again": (
        "{file} von {model} fehlt oder ist beschädigt; noch einmal herunterladen"
    ),
    "{file} of {model} is missing or damaged; install the extension again": (
        "{file} von {model} fehlt oder ist beschädigt; die Erweiterung noch einmal installieren"
    ),
    "{name} cannot be started ({reason}); click Repair": (
        "{name} lässt sich nicht starten ({reason}); auf Reparieren klicken"
    ),
    "The extension's installer is damaged; install the extension again": (
        "Der Installierer der Erweiterung ist beschädigt; die Erweiterung neu installieren"
    ),
    "The package of {name} holds no {file}; report this": (
        "Das Paket von {name} enthält kein {file}; bitte melden"
    ),
    "{path} and {other} must not lie in each other; choose another folder": (
        "{path} und {other} dürfen nicht ineinander liegen; einen anderen Ordner wählen"
    ),
    "{path} is not empty; choose an empty folder": "{path} ist nicht leer; einen leeren Ordner wählen",
    "{files} of {model} must be downloaded again": "{files} von {model} neu herunterladen",
    "There is no folder to import from; name one with --from": (
        "Es fehlt der Ordner, aus dem übernommen wird; mit --from nennen"
    ),
    "There is no part {name}; choose from {others}": "Es gibt keinen Teil {name}; wählbar: {others}",
    "There is no model {name}; choose {others}": "Es gibt kein Modell {name}; wählbar: {others}",
    "The table of models is damaged ({reason}); install the extension again": (
        "Die Tabelle der Modelle ist beschädigt ({reason}); die Erweiterung neu installieren"
    ),
    "{model} is under {licence}, which does not allow every use; "
    "read it, then download with --accept-licence": (
        "{model} steht unter {licence}, die nicht jeden Gebrauch erlaubt; "
        "sie lesen, dann mit --accept-licence herunterladen"
    ),
    "{file} is not the file it should be; download it again": (
        "{file} ist nicht die Datei, die es sein soll; neu herunterladen"
    ),
    "{file} is not in that folder; choose another folder": (
        "{file} ist nicht in diesem Ordner; einen anderen wählen"
    ),
    "{file} in that folder is not the file it should be; choose another folder": (
        "{file} in diesem Ordner ist nicht die Datei, die es sein soll; einen anderen wählen"
    ),
    "{file} has no address that can be fetched; report this": (
        "{file} hat keine Adresse, die sich holen lässt; bitte melden"
    ),
    "The download of {file} broke off; try again, it goes on where it stopped": (
        "Das Laden von {file} brach ab; noch einmal versuchen, es geht weiter wie zuvor"
    ),
    "{file} is not the file it should be; try again or report this": (
        "{file} ist nicht die Datei, die es sein soll; noch einmal versuchen oder melden"
    ),
    "The download of {file} broke off at {done} of {size} bytes; try again": (
        "Das Laden von {file} brach bei {done} von {size} Bytes ab; noch einmal versuchen"
    ),
    "The server cannot give {file} now ({code}); try again later": (
        "Der Server kann {file} gerade nicht geben ({code}); später noch einmal versuchen"
    ),
    "The server of {file} does not answer; check the network, try again": (
        "Der Server von {file} antwortet nicht; das Netz prüfen und noch einmal versuchen"
    ),
    "The server has no {file} ({code}); report this": "Der Server hat kein {file} ({code}); bitte melden",
    "{path} is a folder; name a file to write": "{path} ist ein Ordner; eine Datei nennen",
    "There is no folder {path}; make it or choose another place": (
        "Es gibt keinen Ordner {path}; ihn anlegen oder einen anderen Ort wählen"
    ),
    "{path} is write-protected; choose another place": (
        "{path} ist schreibgeschützt; einen anderen Ort wählen"
    ),
    "The disk is full: {path} cannot be written; free some space and run the job again": (
        "Die Platte ist voll: {path} lässt sich nicht schreiben; Platz schaffen und noch einmal versuchen"
    ),
    "{path} cannot be written ({reason}); choose another place": (
        "{path} lässt sich nicht schreiben ({reason}); einen anderen Ort wählen"
    ),
    "An unexpected fault ({reason}); the log tells more": (
        "Ein unerwarteter Fehler ({reason}); mehr steht im Protokoll"
    ),
    "Stopped.": "Angehalten.",
    "Stopped. Install goes on where it was.": "Angehalten. Installieren geht dort weiter.",
    "The installer works already; wait until it is done or cancel it.": (
        "Der Installierer arbeitet schon; warten, bis er fertig ist, oder ihn abbrechen."
    ),
    "Blender's online access is off. Turn on 'Allow Online Access' in Preferences > System, "
    "or install from a folder.": (
        "Blenders Online-Zugriff ist aus. In Einstellungen > System 'Online-Zugriff erlauben' einschalten, "
        "oder aus einem Ordner installieren."
    ),
    "{path} holds no packages. Choose a folder made by 'build.py offline'.": (
        "{path} enthält keine Pakete. Einen Ordner wählen, den 'build.py offline' gemacht hat."
    ),
    "Nothing is chosen to be removed.": "Es ist nichts zum Entfernen gewählt.",
    "Saved {path}": "{path} gesichert",
    "There is no model {name!r}.": "Es gibt kein Modell {name!r}.",
    "{model} is under {licence}. Accept it to download.": (
        "{model} steht unter {licence}. Zum Herunterladen annehmen."
    ),
    "The extension's table of models is damaged. Install the extension again.": (
        "Die Tabelle der Modelle ist beschädigt. Die Erweiterung neu installieren."
    ),
    "This zip brings no installer: choose a Python environment above.": (
        "Diese Zip-Datei bringt keinen Installierer mit: oben eine Python-Umgebung wählen."
    ),
    "About {size} GB to download ({cuda} GB with an NVIDIA card) into {path}: PyTorch and other open-source "
    "packages, and one model ({models}). Nothing else is changed on this computer.": (
        "Etwa {size} GB zu laden ({cuda} GB mit einer NVIDIA-Karte), nach {path}: PyTorch und andere "
        "quelloffene Pakete und ein Modell ({models}). Sonst ändert sich auf diesem Rechner nichts."
    ),
    "Download Model": "Modell herunterladen",
    "Import Model": "Modell übernehmen",
    "Remove Model": "Modell entfernen",
    "Delete a model's files; it can be downloaded again": (
        "Die Dateien eines Modells löschen; es lässt sich neu herunterladen"
    ),
    "Download a model, after its licence was shown": (
        "Ein Modell herunterladen, nachdem seine Lizenz gezeigt wurde"
    ),
    "Take a model over from a folder that holds its files": (
        "Ein Modell aus einem Ordner übernehmen, der seine Dateien enthält"
    ),
    "Check every file and make the environment anew; only what is damaged is downloaded again": (
        "Jede Datei prüfen und die Umgebung neu machen; nur Beschädigtes wird neu geladen"
    ),
    "Check every package and model by its checksum; nothing is changed or downloaded": (
        "Jedes Paket und Modell mit seiner Prüfsumme vergleichen; nichts wird geändert oder geladen"
    ),
    "Download and install what One2345 computes with": (
        "Herunterladen und installieren, womit One2345 rechnet"
    ),
    "Downloads that were kept": "Behaltene Downloads",
    "Install from a Folder": "Aus einem Ordner installieren",
    "Install without the network, from a folder made by build.py offline": (
        "Ohne Netz installieren, aus einem Ordner von build.py offline"
    ),
    "Models": "Modelle",
    "Move models, jobs and downloads to another folder, then install there from them": (
        "Modelle, Aufträge und Downloads in einen anderen Ordner verschieben, dann dort daraus installieren"
    ),
    "Move to...": "Verschieben nach ...",
    "Open the installer's log": "Das Protokoll des Installierers öffnen",
    "Packages and Python": "Pakete und Python",
    "Remove what was installed; jobs and their meshes stay": (
        "Entfernen, was installiert wurde; Aufträge und ihre Netze bleiben"
    ),
    "Save Diagnostics": "Diagnose sichern",
    "Stop the installer; what it downloaded is kept": (
        "Den Installierer anhalten; was er geladen hat, bleibt"
    ),
    "Write all that helps to find a fault into one file, and show it; nothing is sent": (
        "Alles, was bei der Fehlersuche hilft, in eine Datei schreiben und zeigen; nichts wird gesendet"
    ),
    "Folder...": "Ordner ...",
    "The installation is damaged. Repair fetches only what is missing.": (
        "Die Installation ist beschädigt. Reparieren holt nur, was fehlt."
    ),
    "This version needs newer packages. The installed ones stay until the new ones work.": (
        "Diese Version braucht neuere Pakete. Die installierten bleiben, bis die neuen gehen."
    ),
    "Files are kept in {path}": "Dateien liegen in {path}",
    "Folder of models, jobs and logs; empty takes the system's place for user data": (
        "Ordner für Modelle, Aufträge und Protokolle; leer ist der Ort des Systems für Nutzerdaten"
    ),
    "Python environment of your own for the backend; empty takes the installed one": (
        "Eigene Python-Umgebung für das Backend; leer ist die installierte"
    ),
    "The One2345 add-on is not enabled.": "Das Add-on One2345 ist nicht eingeschaltet.",
    "A library of the system is missing; the log names it.": (
        "Eine Bibliothek des Systems fehlt; das Protokoll nennt sie."
    ),
    "Allow the data folder in its settings, then click Repair in the add-on preferences.": (
        "Den Datenordner dort erlauben, dann in den Einstellungen des Add-ons auf Reparieren klicken."
    ),
    "Another program holds or blocks a file, most likely the antivirus.": (
        "Ein anderes Programm hält oder sperrt eine Datei, wohl der Virenschutz."
    ),
    "Click Repair in the add-on preferences.": ("In den Einstellungen des Add-ons auf Reparieren klicken."),
    "Click Repair in the add-on preferences; it takes the packages for this card.": (
        "In den Einstellungen des Add-ons auf Reparieren klicken; es nimmt die Pakete für diese Karte."
    ),
    "Free some space, or choose another data folder in the add-on preferences.": (
        "Platz schaffen oder in den Einstellungen des Add-ons einen anderen Datenordner wählen."
    ),
    "Generate again; if that does not help, open the log.": (
        "Noch einmal erzeugen; wenn das nicht hilft, das Protokoll öffnen."
    ),
    "Install Microsoft's 'Visual C++ Redistributable x64', then generate again.": (
        "Microsofts 'Visual C++ Redistributable x64' installieren, dann noch einmal erzeugen."
    ),
    "Install it, then generate again.": "Sie installieren, dann noch einmal erzeugen.",
    "Install the newest driver, then generate again.": (
        "Den neuesten Treiber installieren, dann noch einmal erzeugen."
    ),
    "The NVIDIA driver is too old for the installed packages.": (
        "Der NVIDIA-Treiber ist zu alt für die installierten Pakete."
    ),
    "The backend crashed (signal {number}). {last}": ("Das Backend ist abgestürzt (Signal {number}). {last}"),
    "The backend crashed ({name}). {last}": "Das Backend ist abgestürzt ({name}). {last}",
    "The backend ended unexpectedly (exit code {code}). {last}": (
        "Das Backend endete unerwartet (Code {code}). {last}"
    ),
    "The backend ran out of memory.": "Dem Backend ging der Speicher aus.",
    "The backend's Python environment is incomplete ({last}).": (
        "Die Python-Umgebung des Backends ist unvollständig ({last})."
    ),
    "The disk is full.": "Die Platte ist voll.",
    "The installed packages do not fit this graphics card.": (
        "Die installierten Pakete passen nicht zu dieser Grafikkarte."
    ),
    "The system killed the backend, most likely for want of memory.": (
        "Das System hat das Backend beendet, wohl aus Speichermangel."
    ),
    "Try a lower quality.": "Eine geringere Qualität versuchen.",
    "Windows lacks the Visual C++ runtime.": "Windows fehlt die Visual-C++-Laufzeit.",
    "There is no Python at {path}. Choose another in the add-on preferences.": (
        "Bei {path} ist kein Python. In den Einstellungen des Add-ons ein anderes wählen."
    ),
    "The backend is not installed yet. Install it in the add-on preferences.": (
        "Das Backend ist noch nicht installiert. In den Einstellungen des Add-ons installieren."
    ),
    "The installed backend is damaged. Click Repair in the add-on preferences.": (
        "Das installierte Backend ist beschädigt. In den Einstellungen des Add-ons auf Reparieren klicken."
    ),
    "This version needs newer packages. Click Update in the add-on preferences.": (
        "Diese Version braucht neuere Pakete. In den Einstellungen des Add-ons auf Aktualisieren klicken."
    ),
    "Cannot start {path}: {reason}. Choose the backend's Python in the add-on preferences.": (
        "{path} lässt sich nicht starten: {reason}. In den Einstellungen des Add-ons das Python "
        "des Backends wählen."
    ),
    "Cannot write to the data folder {path}: {reason}. Choose another in the add-on preferences.": (
        "In den Datenordner {path} lässt sich nicht schreiben: {reason}. In den Einstellungen "
        "des Add-ons einen anderen wählen."
    ),
    "The backend was stopped.": "Das Backend wurde angehalten.",
    "The backend died {count} times within a minute. {reason} Click Repair in the add-on "
    "preferences, or wait a minute and generate again.": (
        "Das Backend endete {count} Mal in einer Minute. {reason} In den Einstellungen des "
        "Add-ons auf Reparieren klicken, oder eine Minute warten und noch einmal erzeugen."
    ),
    "The backend is version {theirs} (protocol {their_protocol}), but this add-on is {ours} "
    "(protocol {our_protocol}). Restart Blender after an upgrade.": (
        "Das Backend ist Version {theirs} (Protokoll {their_protocol}), dieses Add-on aber "
        "{ours} (Protokoll {our_protocol}). Blender nach einer Aktualisierung neu starten."
    ),
    "The backend is not running.": "Das Backend läuft nicht.",
}
