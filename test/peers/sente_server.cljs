;; A Sente server as Sente 1.21 speaks, over WebSocket and Ajax on one path; it shares no code with this package.
;;
;;   nbb sente_server.cljs [options]
;;
;; Says `[:port n]` first, then one observation a line on stdout; takes one command a line on stdin, both EDN (README.md
;; lists them). A user's id is the parameter `uid`; without one it is :sente/nil-uid. It ends when stdin does.
;; Always: everything that comes is said, in the order in which it came.
(ns sente-server
  (:require ["node:http" :as http]
            ["node:readline" :as readline]
            ["ws" :refer [WebSocketServer]]
            [cljs.reader :as reader]))

(def options
  (merge {:lp-timeout-ms 20000 :ws-kalive-ms 25000 :ws-ping-timeout-ms 10000
          :window-ms {:ws 30 :ajax 100} :grace-ms {:ws 2500 :ajax 5000} :handshake-data nil}
         (some-> (first *command-line-args*) reader/read-string)))

(defn say! [observation] (println (pr-str observation)))

(defn clock! [ms f] (js/setTimeout f ms))

(defn unpack
  "[value cb], or nil where that cannot be read; says what is odd about it."
  [text]
  (let [message (try (reader/read-string text) (catch :default _ ::unreadable))]
    (cond
      (= message ::unreadable) (say! [:unreadable text])
      (and (vector? message) (= 2 (count message))) message
      :else (do (say! [:odd-wrapper message])
                (when (vector? message) [(first message) nil])))))

;; Connections: {[transport uid client-id] {:channel :conn-id}}; a channel is {:send! :close! :cut!}, nil in its grace period.

(def connections (atom {}))
(def last-conn-id (atom 0))

(defn enter!
  "The conn-id, and whether nothing was known by that key."
  [k channel]
  (let [conn-id (swap! last-conn-id inc)
        new? (not (contains? @connections k))]
    (swap! connections assoc k {:channel channel :conn-id conn-id})
    [conn-id new?]))

(defn leave! [[transport :as k] conn-id]
  (when (= conn-id (get-in @connections [k :conn-id]))
    (swap! connections assoc-in [k :channel] nil)
    (clock! (get-in options [:grace-ms transport])
            #(when (= conn-id (get-in @connections [k :conn-id])) (swap! connections dissoc k)))))

(defn channels [] (keep :channel (vals @connections)))

;; Pushes

(def buffers (atom {}))

(defn deliver!
  "Sends to those that have a channel now, and tries again for the others."
  [transport uid text client-ids [base-ms & more]]
  (let [missed (doall (remove (fn [client-id]
                                (when-let [channel (get-in @connections [[transport uid client-id] :channel])]
                                  ((:send! channel) text)
                                  true))
                              client-ids))]
    (when (and base-ms (seq missed))
      (clock! (+ base-ms (rand-int base-ms)) #(deliver! transport uid text missed more)))))

(defn flush! [transport uid]
  (let [events (get @buffers [transport uid])
        client-ids (for [[t u client-id] (keys @connections) :when (and (= t transport) (= u uid))] client-id)]
    (swap! buffers dissoc [transport uid])
    (deliver! transport uid (pr-str [events nil]) (doall client-ids) [90 180 360 720 720])))

(defn push!
  "The window begins with the first event that waits."
  [uid event]
  (doseq [transport [:ws :ajax]]
    (when-not (contains? @buffers [transport uid])
      (clock! (get-in options [:window-ms transport]) #(flush! transport uid)))
    (swap! buffers update [transport uid] (fnil conj []) event)))

;; The application

(def kinds
  {:nil nil :yes true :int 42 :float 0.5 :text "a \"b\"\n☺" :keyword :k :user/keyword :user/k :symbol 'a/s
   :list '(1 2) :vector [1 [2]] :set #{1 :a "x"} :inst (js/Date. 482196050520)
   :uuid #uuid "24f6e0aa-0000-4000-8000-000000000001" :names {:user/id 1 :user/name "ann"} "a b" {[1] 2}})

(defn event? [value]
  (and (vector? value) (<= 1 (count value) 2) (qualified-keyword? (first value))))

(defn handle! [{:keys [uid reply! close!]} event]
  (if-not (event? event)
    (say! [:bad-event event])
    (let [[id data] event]
      (say! [:event event])
      (case id
        :test/echo (reply! data)
        :test/kinds (reply! kinds)
        :test/nil (reply! nil)
        :test/push-n (do (dotimes [i data] (push! uid [:test/pushed i]))
                         (reply! :ok))
        :test/close-me (close!)
        nil))))

(defn handshake [uid] (pr-str [[:chsk/handshake [uid nil (:handshake-data options)]] nil]))

;; WebSocket

(defn keep-alive!
  "Pings a connection from which nothing came in half of ws-kalive-ms, and closes one that does not answer."
  [socket heard]
  (let [seen @heard]
    (clock! (quot (:ws-kalive-ms options) 2)
            (fn []
              (when (= 1 (.-readyState socket))
                (if (not= seen @heard)
                  (keep-alive! socket heard)
                  (do (.send socket (pr-str [:chsk/ws-ping nil]))
                      (clock! (:ws-ping-timeout-ms options)
                              #(cond
                                 (not= 1 (.-readyState socket)) nil
                                 (= seen @heard) (.close socket 1000)
                                 :else (keep-alive! socket heard))))))))))

(defn receive-ws! [socket uid text]
  (when-let [[event cb] (unpack text)]
    (let [reply! #(when cb (.send socket (pr-str [% cb])))]
      (when (= event [:chsk/ws-ping]) (reply! "pong"))
      (handle! {:uid uid :reply! reply! :close! #(.close socket 1000)} event))))

(defn open-ws! [socket uid client-id]
  (let [heard (atom 0)
        k [:ws uid client-id]]
    (.on socket "message" (fn [data binary?]
                            (swap! heard inc)
                            (if binary? (say! [:binary-frame]) (receive-ws! socket uid (str data)))))
    (.on socket "error" #(say! [:ws-error (.-message %)]))
    (say! [:open :ws uid client-id])
    (.send socket (handshake uid))
    ;; Only behind the handshake may pushes find it.
    (let [[conn-id] (enter! k {:send! #(.send socket %) :close! #(.close socket 1000) :cut! #(.terminate socket)})]
      (.on socket "close" (fn [code]
                            (say! [:closed :ws code])
                            (leave! k conn-id))))
    (keep-alive! socket heard)))

;; Ajax

(defn answer! [response text]
  (.writeHead response 200 #js {"content-type" "text/html; charset=utf-8"})
  (.end response text))

(defn poll!
  "Answered at once where the client asks for a handshake or is not known, else held."
  [response uid client-id asks?]
  (let [k [:ajax uid client-id]
        destroy! #(some-> response .-socket .destroy)
        [conn-id new?] (enter! k nil)]
    (.on response "close" #(leave! k conn-id))
    (if (or asks? new?)
      (do (say! [:open :ajax uid client-id])
          (answer! response (handshake uid)))
      (let [send! #(when-not (.-writableEnded response)
                     (leave! k conn-id)
                     (answer! response %))]
        (swap! connections assoc-in [k :channel] {:send! send! :close! destroy! :cut! destroy!})
        (clock! (:lp-timeout-ms options) #(send! (pr-str [:chsk/timeout nil])))))))

(defn post! [response uid client-id ppstr]
  (let [[event cb :as message] (unpack ppstr)
        reply! #(when-not (.-writableEnded response) (answer! response (pr-str [% nil])))]
    (when (and (some? cb) (not= cb :ajax)) (say! [:odd-callback cb]))
    (if cb
      (clock! (:lp-timeout-ms options) #(reply! :chsk/timeout))
      (reply! :chsk/dummy-cb-200))
    (when (and client-id message)
      (let [close! #(when-let [channel (get-in @connections [[:ajax uid client-id] :channel])] ((:close! channel)))]
        (handle! {:uid uid :reply! reply! :close! close!} event)))))

(defn refuse! [response status text]
  (.writeHead response status #js {"content-type" "text/plain"})
  (.end response text))

;; Doors

(defn target [request] (js/URL. (.-url request) "http://localhost"))

(defn uid-of [params] (or (not-empty (.get params "uid")) :sente/nil-uid))

(defn serve! [request response]
  (let [address (target request)
        params (.-searchParams address)
        client-id #(not-empty (.get params "client-id"))
        body (atom "")]
    (cond
      (not= "/chsk" (.-pathname address)) (refuse! response 404 "Not found")
      (= "POST" (.-method request))
      (do (.setEncoding request "utf8")
          (.on request "data" #(swap! body str %))
          (.on request "end"
               (fn []
                 (doseq [[k v] (js/Array.from (js/URLSearchParams. @body))] (.set params k v))
                 (post! response (uid-of params) (client-id) (or (.get params "ppstr") "")))))
      (nil? (client-id)) (refuse! response 500 "Client's Ring request doesn't have a client id.")
      :else (poll! response (uid-of params) (client-id) (.has params "handshake?")))))

(def web-sockets (WebSocketServer. #js {:noServer true}))

(defn upgrade! [request socket head]
  (let [address (target request)
        params (.-searchParams address)
        client-id (not-empty (.get params "client-id"))]
    (if (and client-id (= "/chsk" (.-pathname address)))
      (.handleUpgrade web-sockets request socket head #(open-ws! % (uid-of params) client-id))
      (.end socket "HTTP/1.1 500 Internal Server Error\r\nconnection: close\r\n\r\n"))))

(defn command! [[verb a b]]
  (case verb
    :push (push! a b)
    :close (doseq [{:keys [close!]} (channels)] (close!))
    :cut (doseq [{:keys [cut!]} (channels)] (cut!))
    :forget (do (doseq [{:keys [cut!]} (channels)] (cut!))
                (reset! connections {}))
    :raw (doseq [{:keys [send!]} (channels)] (send! a))))

(let [server (http/createServer serve!)
      lines (readline/createInterface #js {:input js/process.stdin})]
  (.on server "upgrade" upgrade!)
  (.listen server 0 "127.0.0.1" #(say! [:port (.-port (.address server))]))
  (.on lines "line" #(command! (reader/read-string %)))
  (.on lines "close" #(js/process.exit 0)))
