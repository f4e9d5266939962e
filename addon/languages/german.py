"""German."""

from collections.abc import Mapping

TEXTS: Mapping[str, str] = {
    "Image to 3D": "Bild zu 3D",
    "Cut-Out": "Freistellung",
    "Edit": "Bearbeiten",
    "Show": "Zeigen",
    "Mask": "Maske",
    "Paste": "Einfügen",
    "View": "Ansicht",
    "Render": "Render",
    "From Empties": "Aus Empties",
    "Open Picture...": "Bild öffnen ...",
    "Log": "Protokoll",
    "~ {time}": "~ {time}",
    "Cut out": "Freistellen",
    "Cutting out...": "Stellt frei ...",
    "Six views": "Sechs Ansichten",
    "Coarse shape": "Grobe Form",
    "Fine shape": "Feine Form",
    "Mesh": "Netz",
    "Texture": "Textur",
    "kept": "behalten",
    "{percent}, {time} left": "{percent}, noch {time}",
    "{count} s": "{count} s",
    "{count} min": "{count} min",
    "Cancel": "Abbrechen",
    "Cancelling...": "Bricht ab ...",
    "Starting...": "Startet ...",
    "Waiting": "Wartet",
    "Failed": "Fehlgeschlagen",
    "Cancelled": "Abgebrochen",
    "Interrupted": "Unterbrochen",
    "All Results": "Alle Ergebnisse",
    "Results": "Ergebnisse",
    "Continue From": "Weiter ab",
    "Continue": "Fortsetzen",
    "{quality}, seed {seed}": "{quality}, Seed {seed}",
    "Backend": "Backend",
    "Import": "Import",
    "Make": "Machen",
    "Not running": "Läuft nicht",
    "Ready": "Bereit",
    "Working": "Arbeitet",
    "Stop": "Anhalten",
    "Stopping...": "Hält an ...",
    "Preferences": "Einstellungen",
    "Draft": "Entwurf",
    "Standard": "Standard",
    "High": "Hoch",
    "Quality": "Qualität",
    "Seed": "Seed",
    "Keep Seed": "Seed behalten",
    "Place": "Ort",
    "3D Cursor": "3D-Cursor",
    "World Origin": "Weltursprung",
    "Size (m)": "Größe (m)",
    "Collection": "Collection",
    "Faces": "Flächen",
    "Pack Texture": "Textur packen",
    "Paint from Picture": "Mit dem Bild bemalen",
    "Flat Base": "Flacher Boden",
    "Cut the underside flat, so that the object stands": (
        "Die Unterseite eben abschneiden, damit das Objekt steht"
    ),
    "Paint what the picture shows from the picture itself, where the mesh fits it": (
        "Was das Bild zeigt, mit dem Bild selbst bemalen, wo das Netz dazu passt"
    ),
    "Mark as Asset": "Als Asset markieren",
    "Catalog": "Katalog",
    "Tags": "Tags",
    "Image": "Bild",
    "Picture of one object to make in 3D": "Bild eines Objekts, das in 3D entstehen soll",
    "Bright where the object is; empty: the object is found in the picture": (
        "Hell, wo das Objekt ist; leer: das Objekt wird im Bild gefunden"
    ),
    "Time against quality": "Zeit gegen Qualität",
    "Same picture, settings and seed make the same mesh": (
        "Gleiches Bild, gleiche Einstellungen und gleicher Seed geben das gleiche Netz"
    ),
    "Keep the seed; else every Generate takes another one": (
        "Seed behalten; sonst nimmt jedes Erzeugen einen anderen"
    ),
    "Where the object stands; a dropped picture's stands where it was dropped": (
        "Wo das Objekt steht; bei einem abgelegten Bild dort, wo es abgelegt wurde"
    ),
    "Longest side of the object in metres; the scene's unit scale is minded": (
        "Längste Seite des Objekts in Metern; die Einheitenskalierung der Szene zählt"
    ),
    "Where the object goes; empty takes the active collection": (
        "Wohin das Objekt kommt; leer: in die aktive Collection"
    ),
    "Most triangles of the mesh; 0 takes the quality's own number": (
        "Höchstzahl der Dreiecke; 0: die Zahl der Qualität"
    ),
    "Side of the texture; 0 takes the quality's own size": "Seite der Textur; 0: die Größe der Qualität",
    "Join triangles to quads where form and texture allow it": (
        "Dreiecke zu Vierecken verbinden, wo Form und Textur es erlauben"
    ),
    "Keep the texture in the .blend file; else in the job's folder": (
        "Textur in der .blend-Datei behalten; sonst im Ordner des Auftrags"
    ),
    "Offer the object in the asset browser": "Das Objekt im Asset-Browser anbieten",
    "Tags of the asset, separated by commas": "Tags des Assets, durch Kommas getrennt",
    "Quick look: 10 000 faces, 512 px texture": "Schneller Blick: 10 000 Flächen, Textur mit 512 px",
    "Balanced: 20 000 faces, 1024 px texture": "Ausgewogen: 20 000 Flächen, Textur mit 1024 px",
    "Slow: most steps, 50 000 faces, 2048 px texture": (
        "Langsam: die meisten Schritte, 50 000 Flächen, Textur mit 2048 px"
    ),
    "{preset} takes {needed} GiB of GPU memory, {free} are free": (
        "{preset} braucht {needed} GiB Grafikspeicher, {free} sind frei"
    ),
    "Use {preset}": "{preset} nehmen",
    "Free Memory": "Speicher freigeben",
    "Choose the best quality that fits the graphics card's memory": (
        "Die beste Qualität wählen, die in den Speicher der Grafikkarte passt"
    ),
    "Choose Quality": "Qualität wählen",
    "Choose a picture first": "Wähle zuerst ein Bild",
    "Generate 3D": "3D erzeugen",
    "Generate 3D from Image": "3D aus Bild erzeugen",
    "Generate 3D from Folder": "3D aus Ordner erzeugen",
    "Generate 3D from Image Empties": "3D aus Bild-Empties erzeugen",
    "Make a textured mesh from the picture": "Aus dem Bild ein texturiertes Netz machen",
    "Make a textured mesh from a picture on disk": (
        "Aus einem Bild auf der Platte ein texturiertes Netz machen"
    ),
    "Make a textured mesh from every picture in a folder, side by side": (
        "Aus jedem Bild eines Ordners ein texturiertes Netz machen, nebeneinander"
    ),
    "New Seed": "Neuer Seed",
    "Choose another seed at random": "Zufällig einen anderen Seed wählen",
    "Edit Mask": "Maske bearbeiten",
    "Paste Picture": "Bild einfügen",
    "Show Cut-Out": "Freistellung zeigen",
    "Snapshot of View": "Ansicht aufnehmen",
    "Take Render": "Render übernehmen",
    "Use as Picture for 3D": "Als Bild für 3D verwenden",
    "Take a copy of the last render": "Eine Kopie des letzten Renders nehmen",
    "Take the picture in the clipboard": "Das Bild aus der Zwischenablage nehmen",
    "Take what the 3D view shows, without its background": (
        "Nehmen, was die 3D-Ansicht zeigt, ohne Hintergrund"
    ),
    "Cut the object out of the picture and show the result, before anything else is made": (
        "Das Objekt freistellen und zeigen, bevor anderes entsteht"
    ),
    "Make a copy of the picture to erase the background from; what is left is the object": (
        "Eine Kopie des Bildes machen, in der der Hintergrund radiert wird; was bleibt, ist das Objekt"
    ),
    "Stop the running job, or the one named": "Den laufenden Auftrag oder den genannten anhalten",
    "Move in Queue": "In der Schlange verschieben",
    "Let a waiting job run earlier or later": "Einen wartenden Auftrag früher oder später ausführen",
    "Add a finished object to the scene once more, where the import settings say": (
        "Ein fertiges Objekt noch einmal in die Szene stellen, wo der Import es sagt"
    ),
    "Go on with a job; finished stages are kept as they are, edited or not": (
        "Einen Auftrag fortsetzen; fertige Stufen bleiben, bearbeitet oder nicht"
    ),
    "Reuse Settings": "Einstellungen übernehmen",
    "Set the panel to the picture, seed and quality of a job": (
        "Bild, Seed und Qualität eines Auftrags in das Panel übernehmen"
    ),
    "Show Folder": "Ordner zeigen",
    "Open the folder of a job, with all that its stages have made": (
        "Den Ordner eines Auftrags öffnen, mit allem, was seine Stufen gemacht haben"
    ),
    "Remove": "Entfernen",
    "Delete a job and its folder; imported objects stay": (
        "Einen Auftrag und seinen Ordner löschen; importierte Objekte bleiben"
    ),
    "Dismiss": "Verwerfen",
    "Put a message away; the job stays in the list": (
        "Eine Meldung wegräumen; der Auftrag bleibt in der Liste"
    ),
    "Contact Sheet": "Kontaktbogen",
    "Make an image of this file that shows all finished results, each beside its picture": (
        "Ein Bild machen, das alle fertigen Ergebnisse neben ihren Bildern zeigt"
    ),
    "The image {name} shows all results.": "Das Bild {name} zeigt alle Ergebnisse.",
    "Open Log": "Protokoll öffnen",
    "Stop Backend": "Backend anhalten",
    "End the backend process and free its memory; jobs that wait or run end with it": (
        "Das Backend beenden und seinen Speicher freigeben; wartende und laufende Aufträge enden mit ihm"
    ),
    "Image to 3D...": "Bild zu 3D ...",
    "Folder of Images to 3D...": "Bilderordner zu 3D ...",
    "Cut Out": "Freistellen",
    "Six Views": "Sechs Ansichten",
    "Fine Shape": "Feine Form",
    "Coarse Shape": "Grobe Form",
    "Blender ended before this job did. Continue it: finished stages are kept.": (
        "Blender endete vor diesem Auftrag. Setze ihn fort: fertige Stufen bleiben."
    ),
    "There is no picture {path}.": "Es gibt kein Bild {path}.",
    "There is no picture in {folder}.": "In {folder} ist kein Bild.",
    "There is no image {name!r} in this file.": "In dieser Datei gibt es kein Bild {name!r}.",
    "{name} holds no picture; choose another.": "{name} enthält kein Bild; wähle ein anderes.",
    "{path} is no picture that Blender can read.": "{path} ist kein Bild, das Blender lesen kann.",
    "There is no picture in the clipboard that Blender can read. Copy one, or save it and open it.": (
        "In der Zwischenablage ist kein Bild, das Blender lesen kann. Kopiere eines, oder öffne es als Datei."
    ),
    "Nothing was rendered yet. Render a picture first (F12).": (
        "Es wurde noch nichts gerendert. Rendere zuerst ein Bild (F12)."
    ),
    "The job {name} has not ended yet; cancel it first.": (
        "Der Auftrag {name} läuft noch; brich ihn zuerst ab."
    ),
    "No job is done yet; there is nothing to show.": (
        "Noch ist kein Auftrag fertig; es gibt nichts zu zeigen."
    ),
    "The backend has not written a log yet.": "Das Backend hat noch kein Protokoll geschrieben.",
    "The folder {folder} is gone.": "Der Ordner {folder} ist weg.",
    "Install": "Installieren",
    "From a Folder...": "Aus einem Ordner ...",
    "Installed.": "Installiert.",
    "One2345 computes with packages of its own, which are not installed yet.": (
        "One2345 rechnet mit eigenen Paketen, die noch nicht installiert sind."
    ),
    "Repair": "Reparieren",
    "Verify": "Prüfen",
    "Update": "Aktualisieren",
    "Uninstall": "Deinstallieren",
    "Open Views": "Ansichten öffnen",
    "Continue from Views": "Weiter ab Ansichten",
    "Edit Shape": "Form bearbeiten",
    "Continue from Shape": "Weiter ab Form",
    "Re-texture from Views": "Neu texturieren aus Ansichten",
    "Refresh Texture": "Textur auffrischen",
    "Select a mesh first.": "Wähle zuerst ein Netz.",
    "Re-roll": "Neu würfeln",
    "From File...": "Aus Datei ...",
    "From Scene": "Aus Szene",
    "Choose views by their numbers on the sheet": "Wähle Ansichten nach ihren Nummern auf dem Bogen",
    "Re-roll Views": "Ansichten neu würfeln",
    "Replace View from File": "Ansicht aus Datei ersetzen",
    "Render Views from Scene": "Ansichten aus der Szene rendern",
    "Choose a view first: the numbers are those on the sheet, row by row.": (
        "Wähle zuerst eine Ansicht: Die Nummern zählen auf dem Bogen Zeile für Zeile."
    ),
    "A render is running. Wait for its end.": "Ein Render läuft. Warte, bis er fertig ist.",
    "No views are open. Open some first.": "Es sind keine Ansichten offen. Öffne zuerst welche.",
    "The sheet is gone; the new views are in {folder}.": (
        "Der Bogen ist weg; die neuen Ansichten liegen in {folder}."
    ),
    "The job {name} does not tell its six cameras. Generate it again.": (
        "Der Auftrag {name} nennt seine sechs Kameras nicht. Erzeuge ihn neu."
    ),
    "The camera of view {number} is gone. Open the views again.": (
        "Die Kamera der Ansicht {number} ist weg. Öffne die Ansichten noch einmal."
    ),
    "The view could not be rendered: {reason}": "Die Ansicht ließ sich nicht rendern: {reason}",
    "A sheet has 3 rows of 2 square views; this one is {size} pixels.": (
        "Ein Bogen hat 3 Zeilen mit 2 quadratischen Ansichten; dieser hat {size} Pixel."
    ),
    "There is no shape to continue from. Choose Edit Shape first.": (
        "Es gibt keine Form, mit der es weitergehen kann. Wähle zuerst „Form bearbeiten“."
    ),
    "Nothing of {name} is left where the object is. Undo and try again.": (
        "Von {name} ist am Ort des Objekts nichts übrig. Mach rückgängig und versuche es noch einmal."
    ),
    "{name} is as it was, to the size of a cell. Edit it first.": (
        "{name} ist bis auf eine Zelle genau wie vorher. Bearbeite die Form zuerst."
    ),
    "{name} is no coarse shape. Choose Edit Shape again.": (
        "{name} ist keine grobe Form. Wähle noch einmal „Form bearbeiten“."
    ),
    "{name} has no faces. Undo and try again.": (
        "{name} hat keine Flächen. Mach rückgängig und versuche es noch einmal."
    ),
    "{name} was made by no job. Use Re-texture from Views.": (
        "{name} stammt aus keinem Auftrag. Nimm „Neu texturieren aus Ansichten“."
    ),
    "{name} has no texture coordinates. Unwrap it first.": (
        "{name} hat keine Texturkoordinaten. Wickle das Netz zuerst ab."
    ),
    "The texture coordinates of {name} leave the picture. Pack its islands first.": (
        "Die Texturkoordinaten von {name} ragen aus dem Bild. Packe zuerst die Inseln."
    ),
    "The object {name} is gone; the texture is in {path}.": (
        "Das Objekt {name} ist weg; die Textur liegt in {path}."
    ),
    "{name} has no {file}. Continue the job first, or choose another.": (
        "{name} hat kein {file}. Setze den Auftrag erst fort oder wähle einen anderen."
    ),
    "The folder {folder} is gone or damaged.": "Der Ordner {folder} ist weg oder beschädigt.",
    "There is no finished object. Select one, or generate one first.": (
        "Es gibt kein fertiges Objekt. Wähle eines aus oder erzeuge zuerst eines."
    ),
    "Cancel 3D Generation": "3D-Erzeugung abbrechen",
    "Remesh to Even Quads": "In gleichmäßige Vierecke umwandeln",
    "Blender ended before this result came in. Import it where you want it.": (
        "Blender endete, bevor dieses Ergebnis hereinkam. Importiere es, wo du es willst."
    ),
    "Catalog of the asset browser, such as Props/Toys; a new one is listed beside the saved .blend file": (
        "Katalog des Asset-Browsers, etwa Props/Toys; ein neuer wird neben der gespeicherten "
        ".blend-Datei eingetragen"
    ),
    "The asset is in no catalog {name}: save the .blend file first, then import again.": (
        "Das Asset ist in keinem Katalog {name}: erst die .blend-Datei speichern, dann erneut importieren."
    ),
    "Polygons": "Polygone",
    "What the mesh consists of": "Woraus das Netz besteht",
    "Triangles": "Dreiecke",
    "The mesh as it was made": "Das Netz, wie es entstanden ist",
    "Joined Quads": "Verbundene Vierecke",
    "Even Quads": "Gleichmäßige Vierecke",
    "Remesh by QuadriFlow: Blender stands still for some seconds, and the texture follows": (
        "Mit QuadriFlow neu vernetzen: Blender steht einige Sekunden still, und die Textur folgt"
    ),
    "Even quads are made in Object Mode: select the object and remesh it there.": (
        "Gleichmäßige Vierecke entstehen im Objektmodus: Objekt auswählen und dort neu vernetzen."
    ),
    "From Words": "Aus Worten",
    "From words to a picture": "Von Worten zum Bild",
    "Words": "Worte",
    "What to make, in a few words, such as: a red armchair with wooden legs": (
        "Was entstehen soll, in wenigen Worten, etwa: ein roter Sessel mit Holzbeinen"
    ),
    "What draws pictures from words": "Was aus Worten Bilder zeichnet",
    "Folder of a diffusers text-to-image model, or its id on the hub": (
        "Ordner eines Text-zu-Bild-Modells für diffusers oder seine Kennung im Hub"
    ),
    "Pictures": "Bilder",
    "How many pictures to choose from": "Wie viele Bilder zur Auswahl",
    "A model of your own": "Ein eigenes Modell",
    "Draw pictures of one object from words, to choose from": (
        "Aus Worten Bilder eines Objekts zeichnen, zur Auswahl"
    ),
    "Draw Pictures": "Bilder zeichnen",
    "Drawing": "Zeichnet",
    "Use {number}": "Nimm {number}",
    "Take this picture as the one to make in 3D": "Dieses Bild in 3D umsetzen",
    "{name} is not on this disk: {size} GB, {licence}": (
        "{name} liegt nicht auf dieser Platte: {size} GB, {licence}"
    ),
    "Download...": "Herunterladen ...",
    "Downloading {percent}": "Lädt herunter, {percent}",
    "Stop Download": "Download anhalten",
    "I have read the licence and accept it": "Ich habe die Lizenz gelesen und nehme sie an",
    "Draw pictures first.": "Erst Bilder zeichnen.",
    "There is no picture {number} to choose.": "Es gibt kein Bild {number} zur Auswahl.",
    "Choose the folder of a text-to-image model.": "Den Ordner eines Text-zu-Bild-Modells wählen.",
    "A model is being downloaded already.": "Ein Modell wird bereits heruntergeladen.",
    "The download failed; the log {path} tells more.": (
        "Der Download ist fehlgeschlagen; mehr im Protokoll {path}."
    ),
    "Method": "Methode",
    "The method, and the networks that draw the views": (
        "Die Methode und die Netze, die die Ansichten zeichnen"
    ),
    "Engine": "Verfahren",
    "The method": "Die Methode",
    "Weights": "Gewichte",
    "The networks that draw the views": "Die Netze, die die Ansichten zeichnen",
    "Folder of weights": "Ordner mit Gewichten",
    "Weights of your own": "Eigene Gewichte",
    "Bundled, free for every use (Apache-2.0)": "Mitgeliefert, frei für jede Nutzung (Apache-2.0)",
    "Six views at once, then a coarse and a fine shape by diffusion; all of them can be edited": (
        "Sechs Ansichten auf einmal, dann grobe und feine Form durch Diffusion; alles ist bearbeitbar"
    ),
    "32 views one by one, then a shape straight from them; no six views or coarse shape to edit": (
        "32 einzelne Ansichten, dann direkt daraus die Form; ohne sechs Ansichten oder grobe "
        "Form zum Bearbeiten"
    ),
    "The weights must be downloaded first": "Die Gewichte müssen erst heruntergeladen werden",
    "Choose the folder of the weights.": "Den Ordner der Gewichte wählen.",
    "{name} was made by One-2-3-45, which has no six views or coarse shape.": (
        "{name} wurde mit One-2-3-45 gemacht, das keine sechs Ansichten und keine grobe Form kennt."
    ),
    "{size} GiB of {kind} memory": "{size} GiB {kind}-Speicher",
    "These weights are for the other engine": "Diese Gewichte sind für das andere Verfahren",
    "Say in a few words what to make ({reason}).": (
        "In wenigen Worten sagen, was entstehen soll ({reason})."
    ),
    "Time: not known before the first run on this machine.": (
        "Zeit: vor dem ersten Lauf auf diesem Rechner nicht bekannt."
    ),
    "Time: about {time} on this machine.": "Zeit: etwa {time} auf diesem Rechner.",
    "Memory: {size} GiB on this machine.": "Speicher: {size} GiB auf diesem Rechner.",
    "Memory: about {size} GiB ({kind}).": "Speicher: etwa {size} GiB ({kind}).",
    "processor": "Prozessor",
    "graphics card": "Grafikkarte",
    "Start": "Starten",
    "Start Backend": "Backend starten",
    "Start the backend process now, so that the first job does not wait for it": (
        "Das Backend jetzt starten, damit der erste Auftrag nicht darauf wartet"
    ),
    "{state}: {device}": "{state}: {device}",
    "GPU memory: {free} of {total} GiB free": "GPU-Speicher: {free} von {total} GiB frei",
    "Memory: {free} of {total} GiB free": "Speicher: {free} von {total} GiB frei",
    "Starter": "Starter",
    "Redo View": "Ansicht neu zeichnen",
    "Draw this view anew, keep the others, and make the object of them; a job that runs is cancelled": (
        "Diese Ansicht neu zeichnen, die anderen behalten und daraus das Objekt machen; "
        "ein laufender Auftrag wird abgebrochen"
    ),
    "Its number on the sheet, row by row": "Ihre Nummer auf dem Blatt, Zeile für Zeile",
}
